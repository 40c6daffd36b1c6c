package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	botID  = "bot00000000000000000000000"
	userID = "teacher0000000000000000000"
	teamID = "team0000000000000000000000"
)

// mattermost answers at once. It remembers its channels and what people have
// written in them, but not what the gateway writes.
type mattermost struct {
	channels []json.RawMessage
	meter    *meter
	mux      *http.ServeMux
	history  *history
	sick     atomic.Pointer[string] // ID of a channel that fails; nil = none
	ailment  ailment                // how it fails
	media    *media                 // nil: there are no files
	next     atomic.Int64           // numbers what the gateway writes
	reacted  reacted
	crowd    atomic.Int64 // people in the first channel, besides the teacher

	// wire guards the socket. Who writes waits when the gateway does not read; nothing
	// that the gateway may wait for takes this lock.
	wire    sync.Mutex
	conn    *websocket.Conn
	seq     int64
	sockets atomic.Int64 // that have been connected
}

func newMattermost(channels int, a ailment) *mattermost {
	m := &mattermost{ailment: a, meter: newMeter(), mux: http.NewServeMux(), history: newHistory(channels)}
	for n := range channels {
		text, _ := json.Marshal(channel(n)) //nolint:errchkjson // texts and numbers only
		m.channels = append(m.channels, text)
	}
	reply := func(pattern string, f func(r *http.Request) any) {
		m.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { answer(w, f(r)) })
	}
	const v4 = "/api/v4"
	reply("GET "+v4+"/users/me", func(*http.Request) any { return user(botID, "steg", true) })
	reply("GET "+v4+"/users/{id}", func(r *http.Request) any { return user(r.PathValue("id"), "teacher", false) })
	reply("GET "+v4+"/config/client", func(*http.Request) any {
		return map[string]string{"EnablePostUsernameOverride": "true", "EnablePostIconOverride": "true", "MaxPostSize": "16383"}
	})
	team := map[string]any{"id": teamID, "name": "gym", "display_name": "Gym"}
	reply("GET "+v4+"/users/me/teams", func(*http.Request) any { return []any{team} })
	reply("GET "+v4+"/teams/"+teamID, func(*http.Request) any { return team })
	reply("GET "+v4+"/teams/name/gym", func(*http.Request) any { return team })
	reply("GET "+v4+"/teams/"+teamID+"/members/{user}", func(*http.Request) any { return map[string]any{"user_id": botID} })
	reply("GET "+v4+"/users/me/channels", func(*http.Request) any { return m.channels })
	reply("GET "+v4+"/teams/"+teamID+"/channels", func(r *http.Request) any {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
		return m.page(page*size, size)
	})
	reply("GET "+v4+"/channels/{id}", func(r *http.Request) any { return channel(channelNumber(r.PathValue("id"))) })
	reply("GET "+v4+"/channels/{id}/members/{user}", func(*http.Request) any { return map[string]any{"user_id": botID} })
	reply("POST "+v4+"/channels/{id}/members", func(*http.Request) any { return map[string]any{"user_id": botID} })
	m.mux.HandleFunc("GET "+v4+"/channels/{id}/posts", m.history.posts)
	reply("POST "+v4+"/posts/ids", m.postsByID)
	reply("POST "+v4+"/posts/ids/reactions", m.reactions)
	m.mux.HandleFunc("GET "+v4+"/posts/{id}", m.postByID)
	reply("GET "+v4+"/channels/{id}/stats", m.count)
	reply("GET "+v4+"/users", m.usersIn)
	reply("POST "+v4+"/users/ids", func(*http.Request) any { return []any{user(userID, "teacher", false)} })
	reply("POST "+v4+"/users/usernames", func(*http.Request) any { return []any{} })
	reply("GET "+v4+"/system/ping", func(*http.Request) any { return map[string]string{"status": "OK"} })
	m.mux.HandleFunc(v4+"/websocket", m.socket)
	return m
}

func (m *mattermost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if sick := m.sick.Load(); sick != nil && strings.Contains(r.URL.Path, *sick) {
		m.fail(w, r)
		return
	}
	if m.media != nil && m.media.serve(w, r) {
		return
	}
	if r.Method == http.MethodPost && r.URL.Path == "/api/v4/posts" {
		m.post(w, r)
		return
	}
	m.mux.ServeHTTP(w, r)
}

func user(id, name string, bot bool) map[string]any {
	return map[string]any{"id": id, "username": name, "is_bot": bot, "update_at": 1}
}

func channelID(n int) string { return fmt.Sprintf("channel%019d", n) }

func channelNumber(id string) int {
	n, _ := strconv.Atoi(strings.TrimLeft(strings.TrimPrefix(id, "channel"), "0"))
	return n
}

func channelName(n int) string { return fmt.Sprintf("c%05d", n) }

func channel(n int) map[string]any {
	return map[string]any{
		"id": channelID(n), "team_id": teamID, "type": "O", "name": channelName(n), "display_name": channelName(n),
		"create_at": 1, "update_at": 1,
	}
}

func (m *mattermost) page(from, size int) []json.RawMessage {
	from = min(from, len(m.channels))
	return m.channels[from:min(from+size, len(m.channels))]
}

// fail answers as a server does that cannot work on this one request.
func (m *mattermost) fail(w http.ResponseWriter, r *http.Request) {
	m.ailment.answer(w, r, `{"id":"app.post.save.app_error","message":"no","status_code":500}`)
}

func (m *mattermost) postsByID(r *http.Request) any {
	var ids []string
	_ = json.NewDecoder(r.Body).Decode(&ids)
	out := []json.RawMessage{}
	for _, id := range ids {
		if place, w, ok := m.history.find(id); ok {
			out = append(out, w.post(place))
		}
	}
	return out
}

func (m *mattermost) postByID(w http.ResponseWriter, r *http.Request) {
	place, found, ok := m.history.find(r.PathValue("id"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(found.post(place))
}

// post takes what the gateway sends.
func (m *mattermost) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	channel, key := field(body, "channel_id"), field(body, "steg_key")
	if sick := m.sick.Load(); sick != nil && channel == *sick {
		m.fail(w, r)
		return
	}
	m.meter.arrived(channel, numberIn(body))
	id := m.next.Add(1)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, `{"id":"out%023d","channel_id":%q,"user_id":%q,"create_at":%d,"update_at":%[4]d,"file_ids":%s,"props":{"steg_key":%q}}`,
		id, channel, botID, time.Now().UnixMilli(), fileIDs(body), key)
}

// field finds a text that needs no unescaping.
func field(body []byte, name string) string {
	_, rest, _ := bytes.Cut(body, []byte(`"`+name+`":"`))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}

func (m *mattermost) socket(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{WriteBufferSize: 64 << 10}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	m.wire.Lock()
	m.conn, m.seq = conn, 1
	_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"event":"hello","data":{"connection_id":"c1"},"broadcast":{},"seq":0}`))
	m.wire.Unlock()
	m.sockets.Add(1)
	for {
		var ask struct {
			Seq int64 `json:"seq"`
		}
		if err := conn.ReadJSON(&ask); err != nil {
			return
		}
		m.wire.Lock()
		err = conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"status":"OK","seq_reply":%d,"data":{"text":"pong"}}`, ask.Seq))
		m.wire.Unlock()
		if err != nil {
			return
		}
	}
}

// say pushes a post of a person.
func (m *mattermost) say(ch, n int) error {
	post := written{channel: ch, n: n, at: time.Now().UnixMilli()}
	m.wire.Lock()
	defer m.wire.Unlock()
	return m.pushLocked("posted", "post", string(post.post(m.history.add(post))), channelID(ch))
}

// push pushes an event with one thing in it.
func (m *mattermost) push(event, name, thing, channel string) error {
	m.wire.Lock()
	defer m.wire.Unlock()
	return m.pushLocked(event, name, thing, channel)
}

// pushLocked needs the wire.
func (m *mattermost) pushLocked(event, name, thing, channel string) error {
	text, err := json.Marshal(thing)
	if err != nil {
		return err
	}
	frame := fmt.Appendf(nil, `{"event":%q,"data":{"channel_type":"O",%q:%s},"broadcast":{"channel_id":%q},"seq":%d}`, event, name, text, channel, m.seq)
	m.seq++
	return m.conn.WriteMessage(websocket.TextMessage, frame)
}
