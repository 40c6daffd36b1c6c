package matrix

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
)

// Handler serves what the homeserver asks of an application service (application
// service API, "Pushing events" and "Querying"), with the paths and the way of
// authentication of older servers, and the public avatar path. It may be mounted
// on any listener; [Service.Run] uses the same one.
func (s *Service) Handler(inbox Inbox) http.Handler {
	h := &handler{
		s: s, inbox: inbox,
		token:   sha256.Sum256([]byte(s.opts.HSToken)),
		bodies:  make(chan struct{}, maxBodies),
		order:   make(chan struct{}, 1),
		queries: make(chan struct{}, maxQueries),
	}
	h.directory, _ = inbox.(Directory)
	mux := http.NewServeMux()
	for _, r := range h.routes() {
		for _, prefix := range r.prefixes {
			mux.Handle(prefix+r.pattern, h.guard(r))
		}
	}
	mux.Handle("/_matrix/", h.guard(route{handle: func(w http.ResponseWriter, _ *http.Request) { answerUnknown(w) }}))
	mux.Handle(avatarPath+"{token}", s.avatars())
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { answerUnknown(w) })
	return s.recovered(mux)
}

const (
	// maxBodies bounds the transactions in memory at once. A homeserver sends one
	// at a time, or another after it gave up waiting for the first.
	maxBodies = 2
	// maxQueries bounds the queries at once: each may create a room.
	maxQueries = 16
)

type handler struct {
	s         *Service
	inbox     Inbox
	directory Directory // nil when the inbox has none
	token     [32]byte
	bodies    chan struct{}
	order     chan struct{}
	queries   chan struct{}
}

type route struct {
	method   string // "" = any
	pattern  string
	prefixes []string
	handle   http.HandlerFunc
}

const (
	appV1       = "/_matrix/app/v1"
	appUnstable = "/_matrix/app/unstable"
)

func (h *handler) routes() []route {
	old := []string{appV1, ""}            // before v1.0 without prefix
	young := []string{appV1, appUnstable} // came later, at first unstable
	get := http.MethodGet
	return []route{
		{http.MethodPut, "/transactions/{txn}", old, h.transaction},
		{get, "/users/{user}", old, h.limited(h.user)},
		{get, "/rooms/{alias}", old, h.limited(h.alias)},
		{http.MethodPost, "/ping", []string{appV1, appUnstable + "/fi.mau.msc2659"}, h.ping},
		{get, "/thirdparty/protocol/{protocol}", young, h.limited(h.protocol)},
		{get, "/thirdparty/location/{protocol}", young, h.limited(h.locations)},
		{get, "/thirdparty/location", young, h.limited(h.locationOf)},
		{get, "/thirdparty/user/{protocol}", young, h.limited(h.people)},
		{get, "/thirdparty/user", young, h.limited(h.personOf)},
	}
}

// guard checks token and method.
func (h *handler) guard(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		token, given := bearer(req)
		switch {
		case !given:
			answerError(w, http.StatusUnauthorized, "M_MISSING_TOKEN", "no token")
		case !h.known(token):
			h.s.log.LogAttrs(req.Context(), slog.LevelWarn, "request with a wrong hs_token refused: does the homeserver use our registration.yaml?")
			answerError(w, http.StatusForbidden, "M_FORBIDDEN", "wrong token")
		case r.method != "" && req.Method != r.method:
			w.Header().Set("Allow", r.method)
			answerError(w, http.StatusMethodNotAllowed, "M_UNRECOGNIZED", "wrong method")
		default:
			r.handle(w, req)
		}
	})
}

// known compares in constant time, whatever the lengths.
func (h *handler) known(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], h.token[:]) == 1
}

// limited bounds how many requests a route works on at once.
func (h *handler) limited(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if !acquire(req.Context(), h.queries) {
			return
		}
		defer release(h.queries)
		next(w, req)
	}
}

// ping lets the homeserver see that it reaches us.
func (h *handler) ping(w http.ResponseWriter, _ *http.Request) { answer(w, struct{}{}) }

// recovered turns a panic into a log line and a broken connection: the
// homeserver sends again.
func (s *Service) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx := req.Context()
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				// The panic's value may hold content; the stack does not.
				s.log.LogAttrs(ctx, slog.LevelError, "panic while answering the homeserver",
					slog.String("stack", string(debug.Stack())))
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, req)
	})
}

// bearer reads the token from the header, or from the query as before v1.4.
func bearer(req *http.Request) (token string, given bool) {
	if scheme, token, ok := strings.Cut(req.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token), true
	}
	token = req.URL.Query().Get("access_token")
	return token, token != ""
}

func answer(w http.ResponseWriter, body any) { answerStatus(w, http.StatusOK, body) }

func answerError(w http.ResponseWriter, status int, code, text string) {
	answerStatus(w, status, map[string]string{"errcode": code, "error": text})
}

func answerUnknown(w http.ResponseWriter) {
	answerError(w, http.StatusNotFound, "M_UNRECOGNIZED", "unknown path")
}

func answerStatus(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the homeserver is gone when this fails
}

func acquire(ctx context.Context, slots chan struct{}) bool {
	select {
	case slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func release(slots chan struct{}) { <-slots }
