package mattermosttest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

// directRoutes serve the direct channels of two people.
func (s *Server) directRoutes(handle func(string, http.HandlerFunc)) {
	handle("POST /channels/direct", func(w http.ResponseWriter, r *http.Request) {
		users, ok := decode[[]string](w, r)
		if !ok {
			return
		}
		ch, err := s.direct(caller(r), users)
		answer(w, http.StatusCreated, ch, err)
	})
}

// direct finds or makes a direct channel.
func (s *Server) direct(user string, users []string) (*model.Channel, *model.AppError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(users) != 2 || !slices.Contains(users, user) {
		return nil, noPermission()
	}
	for _, u := range users {
		if s.users[u] == nil {
			return nil, noPermission() // as the real server says of people it does not know
		}
	}
	name := model.GetDMNameFromIds(users[0], users[1])
	for _, ch := range s.channels {
		if ch.Name == name {
			copied := *ch
			return &copied, nil
		}
	}
	ch := &model.Channel{Id: model.NewId(), Type: model.ChannelTypeDirect, Name: name, CreateAt: s.tick()}
	ch.UpdateAt = ch.CreateAt
	s.channels[ch.Id] = ch
	s.members[ch.Id] = map[string]bool{users[0]: true, users[1]: true}
	copied := *ch
	return &copied, nil
}

// Confided implements [bridgetest.Remote].
func (r *Remote) Confided(_ testing.TB, user bridge.UserID) []string {
	s := r.Server
	s.mu.Lock()
	defer s.mu.Unlock()
	name := model.GetDMNameFromIds(r.Bot, string(user))
	var posts []*model.Post
	for _, p := range s.posts {
		if ch := s.channels[p.ChannelId]; ch != nil && ch.Name == name && p.DeleteAt == 0 {
			posts = append(posts, p)
		}
	}
	slices.SortFunc(posts, func(a, b *model.Post) int { return strings.Compare(a.Id, b.Id) })
	var texts []string
	for _, p := range posts {
		texts = append(texts, p.Message)
	}
	return texts
}

// Confided implements [bridgetest.Remote]: as the person reads it.
func (r *RealRemote) Confided(tb testing.TB, user bridge.UserID) []string {
	tb.Helper()
	api := r.person(user).client
	ch, _, err := api.CreateDirectChannel(tb.Context(), string(user), r.bot)
	must(tb, "open direct channel", err)
	list, _, err := api.GetPostsForChannel(tb.Context(), ch.Id, 0, 200, "", false, false)
	must(tb, "read direct channel", err)
	var texts []string
	for _, id := range slices.Backward(list.Order) {
		if p := list.Posts[id]; !p.IsSystemMessage() {
			texts = append(texts, p.Message)
		}
	}
	return texts
}
