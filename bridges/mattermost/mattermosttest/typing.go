package mattermosttest

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

// Type lets a member begin to write in a channel. The member's own sockets do not
// hear of it.
func (s *Server) Type(channel, user string) {
	s.push(&event{
		name: model.WebsocketEventTyping, data: map[string]any{"user_id": user, "parent_id": ""}, channel: channel,
	}, func(u string) bool { return u != user && s.inChannel(channel)(u) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.typed[channel+user]++
}

// Typed counts how often a user has begun to write in a channel.
func (s *Server) Typed(channel, user string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.typed[channel+user]
}

func (s *Server) typing(w http.ResponseWriter, r *http.Request) {
	in, ok := decode[model.TypingRequest](w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	member := s.members[in.ChannelId][caller(r)]
	s.mu.Unlock()
	if user := r.PathValue("id"); !member || user != caller(r) && user != "me" {
		writeError(w, noPermission())
		return
	}
	s.Type(in.ChannelId, caller(r))
	answer(w, http.StatusOK, map[string]string{"status": "OK"}, nil)
}

// Type implements [bridgetest.Remote].
func (r *Remote) Type(tb testing.TB, user bridge.UserID, chat bridge.ChatID) {
	tb.Helper()
	r.Server.Join(string(chat), string(user), "")
	r.Server.Type(string(chat), string(user))
}

// SeesTyping implements [bridgetest.Remote].
func (r *Remote) SeesTyping(tb testing.TB, _ bridge.UserID, chat bridge.ChatID) bool {
	tb.Helper()
	return r.Server.Typed(string(chat), r.Bot) > 0
}

// Type implements [bridgetest.Remote].
func (r *RealRemote) Type(tb testing.TB, user bridge.UserID, chat bridge.ChatID) {
	tb.Helper()
	r.admit(tb, chat, string(user))
	_, err := r.person(user).client.PublishUserTyping(tb.Context(), string(user), model.TypingRequest{ChannelId: string(chat)})
	must(tb, "type", err)
}

// SeesTyping implements [bridgetest.Remote]: the person listens on a socket of
// their own.
func (r *RealRemote) SeesTyping(tb testing.TB, user bridge.UserID, chat bridge.ChatID) bool {
	tb.Helper()
	key := string(chat) + string(user)
	r.mu.Lock()
	seen := r.watches[key]
	r.mu.Unlock()
	if seen != nil {
		return seen.Load()
	}
	seen = new(atomic.Bool)
	header := http.Header{"Authorization": {"Bearer " + r.person(user).client.AuthToken}}
	address := "ws" + strings.TrimPrefix(r.admin.URL, "http") + "/api/v4/websocket"
	ws, resp, err := websocket.DefaultDialer.DialContext(tb.Context(), address, header)
	must(tb, "listen", err)
	_ = resp.Body.Close()
	tb.Cleanup(func() { _ = ws.Close() })
	// The greeting: from now on everything is heard.
	_, _, err = ws.ReadMessage()
	must(tb, "listen", err)
	go func() {
		for {
			_, text, err := ws.ReadMessage()
			if err != nil {
				return
			}
			if s := string(text); strings.Contains(s, `"typing"`) && strings.Contains(s, string(chat)) && strings.Contains(s, r.bot) {
				seen.Store(true)
			}
		}
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watches[key] = seen
	return false
}
