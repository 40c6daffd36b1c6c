package matrixtest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"maunium.net/go/mautrix/id"
)

// call is a request with who makes it.
type call struct {
	*http.Request
	as     id.UserID
	appsvc bool // authenticated by the as_token
	body   []byte
}

// reply is an answer; a Code makes it an error.
type reply struct {
	status int
	code   string
	body   any
}

func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

func refuse(status int, code string) reply { return reply{status: status, code: code} }

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(*call) reply) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, h) })
	}
	const v3, v1 = "/_matrix/client/v3", "/_matrix/client/v1"
	mux.HandleFunc("GET /_matrix/client/versions", s.versions)
	mux.HandleFunc("GET /_matrix/federation/v1/version", s.kind)
	handle("GET "+v3+"/account/whoami", s.whoami)
	handle("POST "+v3+"/register", s.register)
	handle("GET "+v3+"/profile/{user}", s.profile)
	handle("PUT "+v3+"/profile/{user}/{field}", s.setProfile)
	handle("POST "+v3+"/createRoom", s.createRoom)
	handle("GET "+v3+"/directory/room/{alias}", s.resolveAlias)
	handle("POST "+v3+"/join/{room}", s.join)
	handle("POST "+v3+"/rooms/{room}/join", s.join)
	handle("POST "+v3+"/rooms/{room}/leave", s.leave)
	handle("POST "+v3+"/rooms/{room}/invite", s.invite)
	handle("POST "+v3+"/rooms/{room}/kick", s.kick)
	handle("GET "+v3+"/joined_rooms", s.joinedRooms)
	handle("GET "+v3+"/rooms/{room}/members", s.members)
	handle("GET "+v3+"/rooms/{room}/state", s.allState)
	handle("GET "+v3+"/rooms/{room}/state/{type}", s.stateEvent)
	handle("GET "+v3+"/rooms/{room}/state/{type}/{key}", s.stateEvent)
	handle("PUT "+v3+"/rooms/{room}/state/{type}", s.setState)
	handle("PUT "+v3+"/rooms/{room}/state/{type}/{key}", s.setState)
	handle("PUT "+v3+"/rooms/{room}/send/{type}/{txn}", s.send)
	handle("PUT "+v3+"/rooms/{room}/redact/{event}/{txn}", s.redact)
	handle("GET "+v3+"/rooms/{room}/event/{event}", s.event)
	handle("GET "+v3+"/rooms/{room}/messages", s.messages)
	handle("PUT "+v3+"/rooms/{room}/typing/{user}", s.typingNow)
	handle("POST "+v3+"/rooms/{room}/receipt/{type}/{event}", s.receipt)
	handle("GET "+v3+"/presence/{user}/status", s.presence)
	handle("PUT "+v3+"/presence/{user}/status", s.presence)
	handle("GET "+v3+"/sync", s.sync)
	handle("POST /_matrix/media/v3/upload", s.upload)
	mux.HandleFunc("GET "+v1+"/media/thumbnail/{server}/{media}", s.download)
	mux.HandleFunc("GET "+v1+"/media/download/{server}/{media}", s.young(s.download))
	mux.HandleFunc("GET /_matrix/media/v3/download/{server}/{media}", s.download)
	mux.HandleFunc("GET "+v1+"/media/config", s.young(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, s.mediaConfig) }))
	handle("GET /_matrix/media/v3/config", s.mediaConfig)
	handle("POST "+v1+"/appservice/{id}/ping", s.ping)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		write(w, refuse(http.StatusNotFound, "M_UNRECOGNIZED"))
	})
	return mux
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if fault := s.nextFault(r); fault != nil {
		fault.serve(w, r, s)
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, h func(*call) reply) {
	c := &call{Request: r}
	var denied reply
	if c.as, c.appsvc, denied = s.authenticate(r); denied.code != "" {
		write(w, denied)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if len(body) > 0 && !strings.HasSuffix(r.URL.Path, "/upload") && !json.Valid(body) {
		write(w, refuse(http.StatusBadRequest, "M_NOT_JSON"))
		return
	}
	c.body = body
	write(w, h(c))
}

// authenticate finds out who asks: the application service in the name of a
// user, or a person (see [Server.Token]).
func (s *Server) authenticate(r *http.Request) (id.UserID, bool, reply) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" {
		return "", false, refuse(http.StatusUnauthorized, "M_MISSING_TOKEN")
	}
	puppets := s.PuppetToken != "" && token == s.PuppetToken
	if token != s.ASToken && !puppets {
		local, isUser := strings.CutPrefix(token, "token-of-")
		person := s.user(local)
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, exists := s.users[person]; !isUser || !exists {
			return "", false, refuse(http.StatusUnauthorized, "M_UNKNOWN_TOKEN")
		}
		return person, false, reply{}
	}
	as := s.user(s.SenderLocalpart)
	if wanted := id.UserID(r.URL.Query().Get("user_id")); wanted != "" {
		as = wanted
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.users[as]; !exists || !puppets && !s.reserved(as) {
		return "", false, refuse(http.StatusForbidden, "M_FORBIDDEN")
	}
	return as, true, reply{}
}

func write(w http.ResponseWriter, r reply) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	body := r.body
	if r.code != "" {
		body = map[string]string{"errcode": r.code, "error": "secret text of the server"}
	}
	_ = json.NewEncoder(w).Encode(body)
}

// kind tells a name of its own, whatever the dialect: unlike Dendrite, this server
// never hides what it has accepted.
func (s *Server) kind(w http.ResponseWriter, _ *http.Request) {
	write(w, ok(map[string]any{"server": map[string]string{"name": "matrixtest", "version": "1"}}))
}

func (s *Server) versions(w http.ResponseWriter, _ *http.Request) {
	write(w, ok(map[string]any{"versions": []string{"v1.1", "v1.2"}}))
}

func (s *Server) whoami(c *call) reply { return ok(map[string]any{"user_id": c.as}) }

func decode[T any](c *call) T {
	var into T
	_ = json.Unmarshal(c.body, &into)
	return into
}

// roomOf finds the room of a request. Called under the lock.
func (s *Server) roomOf(c *call) (*room, reply) {
	r := s.rooms[id.RoomID(c.PathValue("room"))]
	if r == nil {
		return nil, refuse(http.StatusForbidden, "M_FORBIDDEN")
	}
	return r, reply{}
}

// joinedRoom finds the room of a request by someone in it.
func (s *Server) joinedRoom(c *call) (*room, reply) {
	r, denied := s.roomOf(c)
	if denied.code == "" && r.membership(c.as) != "join" {
		return nil, refuse(http.StatusForbidden, "M_FORBIDDEN")
	}
	return r, denied
}
