package mattermosttest

import (
	"net/http"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

var (
	_ bridgetest.RemotePins = (*Remote)(nil)
	_ bridgetest.RemotePins = (*RealRemote)(nil)
)

// Pin pins a post or takes the pin away, by the hand of any member.
func (s *Server) Pin(user, id string, on bool) *model.AppError {
	s.mu.Lock()
	p := s.posts[id]
	if p == nil || p.DeleteAt > 0 || !s.members[p.ChannelId][user] {
		s.mu.Unlock()
		return noPermission()
	}
	author := p.UserId
	s.mu.Unlock()
	// The server patches as anybody here.
	_, err := s.Patch(author, id, &model.PostPatch{IsPinned: &on})
	return err
}

func (s *Server) pinRoutes(handle func(string, http.HandlerFunc)) {
	for what, on := range map[string]bool{"pin": true, "unpin": false} {
		handle("POST /posts/{id}/"+what, func(w http.ResponseWriter, r *http.Request) {
			answer(w, http.StatusOK, map[string]string{"status": "OK"}, s.Pin(caller(r), r.PathValue("id"), on))
		})
	}
	handle("GET /channels/{id}/pinned", func(w http.ResponseWriter, r *http.Request) {
		channel := r.PathValue("id")
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.members[channel][caller(r)] {
			writeError(w, noPermission())
			return
		}
		answer(w, http.StatusOK, s.list(s.pinned(channel)), nil)
	})
}

// pinned needs s.mu held.
func (s *Server) pinned(channel string) []*model.Post {
	var out []*model.Post
	for _, p := range s.shown(channel) {
		if p.IsPinned {
			out = append(out, p)
		}
	}
	return out
}

func pinnedIDs(posts []*model.Post) []bridge.MessageID {
	var out []bridge.MessageID
	for _, p := range posts {
		out = append(out, bridge.MessageID(p.Id))
	}
	return out
}

// Pin implements [bridgetest.RemotePins].
func (r *Remote) Pin(tb testing.TB, user bridge.UserID, _ bridge.ChatID, id bridge.MessageID, on bool) {
	tb.Helper()
	if err := r.Server.Pin(string(user), string(id), on); err != nil {
		tb.Fatalf("pin: %v", err)
	}
}

// Pinned implements [bridgetest.RemotePins].
func (r *Remote) Pinned(_ testing.TB, chat bridge.ChatID) []bridge.MessageID {
	r.Server.mu.Lock()
	defer r.Server.mu.Unlock()
	return pinnedIDs(r.Server.pinned(string(chat)))
}

// Pin implements [bridgetest.RemotePins].
func (r *RealRemote) Pin(tb testing.TB, user bridge.UserID, _ bridge.ChatID, id bridge.MessageID, on bool) {
	tb.Helper()
	var err error
	if on {
		_, err = r.person(user).client.PinPost(tb.Context(), string(id))
	} else {
		_, err = r.person(user).client.UnpinPost(tb.Context(), string(id))
	}
	must(tb, "pin", err)
}

// Pinned implements [bridgetest.RemotePins].
func (r *RealRemote) Pinned(tb testing.TB, chat bridge.ChatID) []bridge.MessageID {
	tb.Helper()
	list, _, err := r.admin.GetPinnedPosts(tb.Context(), string(chat), "")
	must(tb, "read pins", err)
	var posts []*model.Post
	for _, p := range list.Posts {
		posts = append(posts, p)
	}
	return pinnedIDs(posts)
}
