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
	"time"

	"github.com/gorilla/websocket"
)

const (
	botID  = "bot00000000000000000000000"
	userID = "teacher0000000000000000000"
	teamID = "team0000000000000000000000"
)

// mattermost answers at once and remembers nothing but its channels.
type mattermost struct {
	channels int
	meter    *meter
	mux      *http.ServeMux

	mu   sync.Mutex
	conn *websocket.Conn
	up   chan struct{} // closed when a socket is connected
	seq  int64
	next int64
}

func newMattermost(channels int) *mattermost {
	m := &mattermost{channels: channels, meter: newMeter(), mux: http.NewServeMux(), up: make(chan struct{})}
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
	reply("GET "+v4+"/users/me/channels", func(*http.Request) any { return m.page(0, m.channels) })
	reply("GET "+v4+"/teams/"+teamID+"/channels", func(r *http.Request) any {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
		return m.page(page*size, size)
	})
	reply("GET "+v4+"/channels/{id}", func(r *http.Request) any { return channel(channelNumber(r.PathValue("id"))) })
	reply("GET "+v4+"/channels/{id}/members/{user}", func(*http.Request) any { return map[string]any{"user_id": botID} })
	reply("POST "+v4+"/channels/{id}/members", func(*http.Request) any { return map[string]any{"user_id": botID} })
	reply("GET "+v4+"/channels/{id}/posts", func(*http.Request) any {
		return map[string]any{"order": []string{}, "posts": map[string]any{}}
	})
	reply("POST "+v4+"/users/ids", func(*http.Request) any { return []any{user(userID, "teacher", false)} })
	reply("POST "+v4+"/users/usernames", func(*http.Request) any { return []any{} })
	reply("GET "+v4+"/system/ping", func(*http.Request) any { return map[string]string{"status": "OK"} })
	m.mux.HandleFunc(v4+"/websocket", m.socket)
	return m
}

func (m *mattermost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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

func (m *mattermost) page(from, size int) []any {
	out := []any{}
	for n := from; n < min(from+size, m.channels); n++ {
		out = append(out, channel(n))
	}
	return out
}

// post takes what the gateway sends.
func (m *mattermost) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	channel, key := field(body, "channel_id"), field(body, "steg_key")
	m.meter.arrived(channel, numberIn(body))
	m.mu.Lock()
	m.next++
	id := m.next
	m.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, `{"id":"out%023d","channel_id":%q,"user_id":%q,"create_at":%d,"update_at":%[4]d,"props":{"steg_key":%q}}`,
		id, channel, botID, time.Now().UnixMilli(), key)
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
	m.mu.Lock()
	m.conn, m.seq = conn, 1
	_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"event":"hello","data":{"connection_id":"c1"},"broadcast":{},"seq":0}`))
	select {
	case <-m.up:
	default:
		close(m.up)
	}
	m.mu.Unlock()
	for {
		var ask struct {
			Seq int64 `json:"seq"`
		}
		if err := conn.ReadJSON(&ask); err != nil {
			return
		}
		m.mu.Lock()
		err = conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"status":"OK","seq_reply":%d,"data":{"text":"pong"}}`, ask.Seq))
		m.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// say pushes a post of a person.
func (m *mattermost) say(ch, n int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next++
	now := time.Now().UnixMilli()
	post := fmt.Sprintf(`{"id":"in%024d","channel_id":%q,"user_id":%q,"create_at":%d,"update_at":%[4]d,"message":"A message of **ordinary** length, as people write it #n%[5]d","props":{}}`,
		m.next, channelID(ch), userID, now, n)
	text, err := json.Marshal(post)
	if err != nil {
		return err
	}
	frame := fmt.Appendf(nil, `{"event":"posted","data":{"channel_type":"O","post":%s},"broadcast":{"channel_id":%q},"seq":%d}`, text, channelID(ch), m.seq)
	m.seq++
	return m.conn.WriteMessage(websocket.TextMessage, frame)
}
