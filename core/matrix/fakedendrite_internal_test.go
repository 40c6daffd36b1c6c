package matrix

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeDendrite has what the witness needs, and a room where nothing is found.
type fakeDendrite struct {
	url     string
	synapse bool
	newest  time.Time // event of the room

	mu     sync.Mutex
	rooms  int // made
	typed  int // how often the witness was set
	types  bool
	notes  map[string]string
	part   string // of a path that fails
	status int
}

func newFakeDendrite(t *testing.T) *fakeDendrite {
	t.Helper()
	hs := &fakeDendrite{notes: map[string]string{}}
	server := httptest.NewServer(hs)
	t.Cleanup(server.Close)
	hs.url = server.URL
	return hs
}

// restart loses what is in memory only.
func (hs *fakeDendrite) restart() {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.types = false
}

// fail answers requests whose path contains part with a status; "" mends.
func (hs *fakeDendrite) fail(part string, status int) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.part, hs.status = part, status
}

func (hs *fakeDendrite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	body, _ := io.ReadAll(r.Body)
	if status, answer := hs.answer(r, string(body)); answer != "" {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
		return
	}
	// The bot's long poll.
	timer := time.NewTimer(pollTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
	_, _ = io.WriteString(w, `{"next_batch":"1"}`)
}

func (hs *fakeDendrite) answer(r *http.Request, body string) (int, string) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	const user, room = "@_steg_witness:hs.test", "!witness.room:hs.test"
	path, query := r.URL.Path, r.URL.Query()
	witness := query.Get("user_id") == user
	is := func(method, part string) bool { return r.Method == method && strings.Contains(path, part) }
	_, kind, _ := strings.Cut(path, "/account_data/")
	switch {
	case hs.part != "" && strings.Contains(path, hs.part):
		return hs.status, `{"errcode":"M_UNKNOWN"}`
	case is("GET", "/client/versions") && hs.synapse:
		return 200, `{"versions":["v1.1"],"unstable_features":{"io.element.e2ee_forced.public":false}}`
	case is("GET", "/client/versions"):
		return 200, `{"versions":["v1.1"],"unstable_features":{}}`
	case is("POST", "/register"):
		return 200, `{}`
	case is("POST", "/createRoom") && hs.rooms > 0:
		return 400, `{"errcode":"M_ROOM_IN_USE"}`
	case is("POST", "/createRoom") && witness && strings.Contains(body, `"m.federate":false`) && strings.Contains(body, `"_steg_witness"`):
		hs.rooms++
		return 200, fmt.Sprintf(`{"room_id":%q}`, room)
	case is("GET", "/directory/room/#_steg_witness:hs.test") && hs.rooms > 0:
		return 200, fmt.Sprintf(`{"room_id":%q}`, room)
	case is("PUT", "/rooms/"+room+"/typing/"+user) && witness && strings.Contains(body, "315360000000"):
		hs.types = true
		hs.typed++
		return 200, `{}`
	case is("GET", "/sync") && witness && strings.Contains(query.Get("filter"), `"ephemeral":{"types":["m.typing"]}`):
		if !hs.types {
			return 200, `{"next_batch":"1"}`
		}
		return 200, fmt.Sprintf(`{"next_batch":"1","rooms":{"join":{%q:{"ephemeral":{"events":[{"type":"m.typing","content":{"user_ids":["@x:y",%q]}}]}}}}}`, room, user)
	case is("GET", "/sync") && query.Get("since") == "":
		return 200, `{"next_batch":"1"}`
	case is("GET", "/sync"):
		return 200, ""
	case is("PUT", user+"/account_data/") && witness:
		hs.notes[kind] = body
		return 200, `{}`
	case is("GET", user+"/account_data/") && witness && hs.notes[kind] != "":
		return 200, hs.notes[kind]
	case is("GET", "/messages") && strings.Contains(query.Get("filter"), "senders"):
		return 200, `{"chunk":[],"start":"a"}`
	case is("GET", "/messages"):
		return 200, fmt.Sprintf(`{"chunk":[{"event_id":"$newest","origin_server_ts":%d}],"start":"a"}`, hs.newest.UnixMilli())
	}
	return 404, `{"errcode":"M_NOT_FOUND"}`
}
