package mattermosttest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

type userKey struct{}

// caller is the user whose token the request carries.
func caller(r *http.Request) string {
	user, ok := r.Context().Value(userKey{}).(string)
	if !ok {
		return ""
	}
	return user
}

// bearer is the request's token; the word before it is in any case.
func bearer(r *http.Request) string {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "bearer") {
		return ""
	}
	return token
}

// guard checks the token and makes calls fail that must.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/system/ping") {
			s.ping(w, r)
			return
		}
		body, err := io.ReadAll(r.Body) // also makes the server notice a caller that goes away
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		token := bearer(r)
		s.mu.Lock()
		s.calls = append(s.calls, r.Method+" "+r.URL.String())
		session := s.tokens[token]
		away := s.faults.away()
		valid := session != nil && !session.revoked && (!away || session.used)
		if valid {
			session.used = true
		}
		s.mu.Unlock()
		if !valid {
			writeError(w, refuse(http.StatusUnauthorized, "api.context.session_expired.app_error"))
			return
		}
		writes := writesMessage(r)
		what, hung := s.faults.next(session.user, writes)
		if fail(w, r, what, hung) {
			return
		}
		if away {
			if writes {
				writeError(w, noPermission())
			} else {
				writeError(w, refuse(http.StatusInternalServerError, "app.post.get_posts.app_error"))
			}
			return
		}
		ctx := context.WithValue(r.Context(), userKey{}, session.user)
		if what == bridgetest.FaultAnswerLost {
			next.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (s *Server) ping(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("get_server_status") == "true" && s.faults.away() {
		w.WriteHeader(http.StatusInternalServerError)
		write(w, map[string]string{"status": model.StatusUnhealthy})
		return
	}
	write(w, map[string]string{"status": model.StatusOk})
}

func write(w http.ResponseWriter, v any) {
	// The caller may be gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(v)
}

func writeError(w http.ResponseWriter, err *model.AppError) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(err.StatusCode)
	write(w, err)
}

// answer writes v, or the error.
func answer(w http.ResponseWriter, status int, v any, err *model.AppError) {
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	write(w, v)
}

func decode[T any](w http.ResponseWriter, r *http.Request) (T, bool) {
	var v T
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		writeError(w, refuse(http.StatusBadRequest, "api.context.invalid_body_param.app_error"))
		return v, false
	}
	return v, true
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /api/v4"+path, h)
	}
	handle("GET /websocket", s.websocket)
	handle("GET /config/client", s.getConfig)
	s.postRoutes(handle)
	s.reactionRoutes(handle)
	s.pinRoutes(handle)
	s.fileRoutes(handle)
	s.channelRoutes(handle)
	s.directRoutes(handle)
	s.userRoutes(handle)
	return mux
}

func (s *Server) getConfig(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	set := s.switches
	s.mu.Unlock()
	write(w, map[string]string{
		"Version":                    "11.4.0",
		"EnablePostUsernameOverride": strconv.FormatBool(set.NameOverride),
		"EnablePostIconOverride":     strconv.FormatBool(set.IconOverride),
		"MaxPostSize":                strconv.Itoa(set.MaxPostSize),
		"MaxFileSize":                strconv.FormatInt(set.MaxFileSize, 10),
		"TeammateNameDisplay":        "username",
	})
}

func (s *Server) postRoutes(handle func(string, http.HandlerFunc)) {
	handle("POST /posts", func(w http.ResponseWriter, r *http.Request) {
		in, ok := decode[*model.Post](w, r)
		if !ok {
			return
		}
		p, written, err := s.create(caller(r), in)
		if s.faults.echoFirst() {
			for _, done := range written {
				<-done
			}
		}
		answer(w, http.StatusCreated, p, err)
	})
	handle("GET /posts/{id}", func(w http.ResponseWriter, r *http.Request) {
		p, err := s.visible(caller(r), r.PathValue("id"))
		answer(w, http.StatusOK, p, err)
	})
	handle("PUT /posts/{id}/patch", func(w http.ResponseWriter, r *http.Request) {
		patch, ok := decode[*model.PostPatch](w, r)
		if !ok {
			return
		}
		p, err := s.Patch(caller(r), r.PathValue("id"), patch)
		answer(w, http.StatusOK, p, err)
	})
	handle("DELETE /posts/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "OK"}, s.Delete(caller(r), r.PathValue("id")))
	})
	handle("POST /posts/ids", func(w http.ResponseWriter, r *http.Request) {
		ids, ok := decode[[]string](w, r)
		if !ok {
			return
		}
		out := []*model.Post{}
		for _, id := range ids {
			if p, err := s.visible(caller(r), id); err == nil {
				out = append(out, p)
			}
		}
		answer(w, http.StatusOK, out, nil)
	})
	handle("GET /channels/{id}/posts", func(w http.ResponseWriter, r *http.Request) {
		rows, err := s.read(caller(r), r.PathValue("id"), r.URL.Query())
		answer(w, http.StatusOK, rows, err)
	})
}
