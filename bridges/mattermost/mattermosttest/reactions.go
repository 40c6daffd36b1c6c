package mattermosttest

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

var (
	_ bridgetest.RemoteReacts = (*Remote)(nil)
	_ bridgetest.RemoteReacts = (*RealRemote)(nil)
)

// uniqueReactions is how many different emoji a post holds
// (UniqueEmojiReactionLimitPerPost).
const uniqueReactions = 50

// React sets a reaction as a user, by the emoji's name. One that was taken back and
// is set again keeps the time of its creation.
func (s *Server) React(user, post, name string) (*model.Reaction, *model.AppError) {
	s.mu.Lock()
	p := s.posts[post]
	_, system := model.SystemEmojis[name]
	switch {
	case p == nil || !s.members[p.ChannelId][user]:
		s.mu.Unlock()
		return nil, noPermission()
	case p.DeleteAt > 0:
		s.mu.Unlock()
		return nil, refuse(http.StatusNotFound, "app.post.get.app_error")
	case !system && !s.emoji[name]:
		s.mu.Unlock()
		return nil, refuse(http.StatusNotFound, "app.emoji.get_by_name.no_result")
	case s.channels[p.ChannelId].DeleteAt > 0:
		s.mu.Unlock()
		return nil, refuse(http.StatusForbidden, "api.reaction.save.archived_channel.app_error")
	}
	kinds := map[string]bool{name: true}
	for _, r := range s.present(post) {
		kinds[r.EmojiName] = true
	}
	if len(kinds) > uniqueReactions {
		s.mu.Unlock()
		return nil, refuse(http.StatusBadRequest, "app.reaction.save.save.too_many_reactions")
	}
	at := s.tick()
	r := s.reaction(post, user, name)
	if r == nil {
		r = &model.Reaction{UserId: user, PostId: post, EmojiName: name, ChannelId: p.ChannelId, CreateAt: at}
		s.reactions[post] = append(s.reactions[post], r)
	}
	r.UpdateAt, r.DeleteAt = at, 0
	out := *r
	s.touch(p, at)
	s.mu.Unlock()
	s.pushReaction(model.WebsocketEventReactionAdded, &out)
	return &out, nil
}

// Unreact takes a reaction back; one that is not there is no error.
func (s *Server) Unreact(user, post, name string) *model.AppError {
	s.mu.Lock()
	p := s.posts[post]
	if p == nil || !s.members[p.ChannelId][user] {
		s.mu.Unlock()
		return noPermission()
	}
	if p.DeleteAt > 0 {
		s.mu.Unlock()
		return refuse(http.StatusNotFound, "app.post.get.app_error")
	}
	at := s.tick()
	out := model.Reaction{UserId: user, PostId: post, EmojiName: name, ChannelId: p.ChannelId}
	if r := s.reaction(post, user, name); r != nil {
		r.UpdateAt, r.DeleteAt = at, at
	}
	s.touch(p, at)
	s.mu.Unlock()
	s.pushReaction(model.WebsocketEventReactionRemoved, &out)
	return nil
}

// NewEmoji makes a custom emoji.
func (s *Server) NewEmoji(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emoji[name] = true
}

// reaction, present and touch need s.mu held.

func (s *Server) reaction(post, user, name string) *model.Reaction {
	for _, r := range s.reactions[post] {
		if r.UserId == user && r.EmojiName == name {
			return r
		}
	}
	return nil
}

func (s *Server) present(post string) []*model.Reaction {
	out := []*model.Reaction{}
	for _, r := range s.reactions[post] {
		if r.DeleteAt == 0 {
			copied := *r
			out = append(out, &copied)
		}
	}
	return out
}

// touch notes that the reactions of a post have changed.
func (s *Server) touch(p *model.Post, at int64) {
	p.UpdateAt = at
	p.HasReactions = len(s.present(p.Id)) > 0
	delete(s.latest, p.ChannelId)
}

func (s *Server) pushReaction(name model.WebsocketEventType, r *model.Reaction) {
	s.push(&event{name: name, data: map[string]any{"reaction": jsonText(r)}, channel: r.ChannelId}, s.inChannel(r.ChannelId))
}

// told is a post as answers show it. It needs s.mu held.
func (s *Server) told(p *model.Post) *model.Post {
	out := p.Clone()
	out.Metadata = &model.PostMetadata{Reactions: s.present(p.Id)}
	if p.Metadata != nil {
		meta := *p.Metadata
		meta.Reactions = out.Metadata.Reactions
		out.Metadata = &meta
	}
	return out
}

func (s *Server) reactionRoutes(handle func(string, http.HandlerFunc)) {
	handle("POST /reactions", func(w http.ResponseWriter, r *http.Request) {
		in, ok := decode[*model.Reaction](w, r)
		if !ok {
			return
		}
		if in.UserId != caller(r) {
			writeError(w, noPermission())
			return
		}
		out, err := s.React(in.UserId, in.PostId, in.EmojiName)
		answer(w, http.StatusOK, out, err)
	})
	handle("DELETE /users/{user}/posts/{post}/reactions/{name}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("user") != caller(r) {
			writeError(w, noPermission())
			return
		}
		answer(w, http.StatusOK, map[string]string{"status": "OK"}, s.Unreact(caller(r), r.PathValue("post"), r.PathValue("name")))
	})
	handle("POST /posts/ids/reactions", func(w http.ResponseWriter, r *http.Request) {
		ids, ok := decode[[]string](w, r)
		if !ok {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		out := map[string][]*model.Reaction{}
		for _, id := range ids {
			if p := s.posts[id]; p == nil || !s.members[p.ChannelId][caller(r)] {
				writeError(w, noPermission())
				return
			}
			out[id] = s.present(id)
		}
		answer(w, http.StatusOK, out, nil)
	})
}

// emojiNames are the server's names of the conformance suite's emoji.
var emojiNames = map[string]string{"👍": "+1", "👍🏽": "+1_medium_skin_tone", "❤": "heart"} //nolint:gochecknoglobals // a constant table

// byEmoji lists who has reacted, by the suite's emoji.
func byEmoji(all []*model.Reaction) map[string][]bridge.UserID {
	out := map[string][]bridge.UserID{}
	for _, r := range all {
		emoji := r.EmojiName
		for text, name := range maps.All(emojiNames) {
			if name == r.EmojiName {
				emoji = text
			}
		}
		out[emoji] = append(out[emoji], bridge.UserID(r.UserId))
	}
	for _, users := range out {
		slices.Sort(users)
	}
	return out
}

// React implements [bridgetest.RemoteReacts].
func (r *Remote) React(tb testing.TB, user bridge.UserID, chat bridge.ChatID, id bridge.MessageID, emoji string, on bool) {
	tb.Helper()
	r.Server.Join(string(chat), string(user), "")
	var err *model.AppError
	if on {
		_, err = r.Server.React(string(user), string(id), emojiNames[emoji])
	} else {
		err = r.Server.Unreact(string(user), string(id), emojiNames[emoji])
	}
	if err != nil {
		tb.Fatalf("react: %v", err)
	}
}

// Reactions implements [bridgetest.RemoteReacts].
func (r *Remote) Reactions(_ testing.TB, _ bridge.ChatID, id bridge.MessageID) map[string][]bridge.UserID {
	r.Server.mu.Lock()
	defer r.Server.mu.Unlock()
	return byEmoji(r.Server.present(string(id)))
}

// React implements [bridgetest.RemoteReacts].
func (r *RealRemote) React(tb testing.TB, user bridge.UserID, chat bridge.ChatID, id bridge.MessageID, emoji string, on bool) {
	tb.Helper()
	r.admit(tb, chat, string(user))
	reaction := &model.Reaction{UserId: string(user), PostId: string(id), EmojiName: emojiNames[emoji]}
	var err error
	if on {
		_, _, err = r.person(user).client.SaveReaction(tb.Context(), reaction)
	} else {
		_, err = r.person(user).client.DeleteReaction(tb.Context(), reaction)
	}
	must(tb, "react", err)
}

// Reactions implements [bridgetest.RemoteReacts].
func (r *RealRemote) Reactions(tb testing.TB, _ bridge.ChatID, id bridge.MessageID) map[string][]bridge.UserID {
	tb.Helper()
	all, _, err := r.admin.GetReactions(tb.Context(), string(id))
	must(tb, "read reactions", err)
	return byEmoji(all)
}
