package mattermosttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

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
