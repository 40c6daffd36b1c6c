package mattermosttest

import (
	"regexp"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

var channelName = regexp.MustCompile(`~([a-z0-9_-]+)`)

// nameChannels adds to a post what the open channels of its team are called that it
// mentions, and takes away what others have put there. It needs s.mu held.
func (s *Server) nameChannels(p *model.Post) {
	known := map[string]any{}
	team := s.channels[p.ChannelId].TeamId
	for _, found := range channelName.FindAllStringSubmatch(p.Message, -1) {
		for _, ch := range s.channels {
			if ch.Name == found[1] && ch.TeamId == team && ch.Type == model.ChannelTypeOpen {
				known[ch.Name] = map[string]any{"display_name": ch.DisplayName, "team_name": s.teams[team].Name}
			}
		}
	}
	p.DelProp(model.PostPropsChannelMentions)
	if len(known) > 0 {
		p.AddProp(model.PostPropsChannelMentions, known)
	}
}

// runs tells whether a user is an admin of a channel or team.
func (s *Server) runs(user, place string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chiefs[user] == place
}

// LetRun makes a user an admin of a channel or team.
func (s *Server) LetRun(user, place string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chiefs[user] = place
}

// MentionText implements [bridgetest.Remote].
func (r *Remote) MentionText(tb testing.TB, user bridge.UserID) string {
	tb.Helper()
	r.Server.mu.Lock()
	defer r.Server.mu.Unlock()
	return "@" + r.Server.users[string(user)].Username
}

// EveryoneText implements [bridgetest.Remote].
func (r *Remote) EveryoneText() string { return "@channel" }

// Entitle implements [bridgetest.Remote].
func (r *Remote) Entitle(tb testing.TB, user bridge.UserID, chat bridge.ChatID) {
	tb.Helper()
	r.Server.Join(string(chat), string(user), "")
	r.Server.LetRun(string(user), string(chat))
}

// ChatText implements [bridgetest.Remote].
func (r *Remote) ChatText(tb testing.TB, chat bridge.ChatID) string {
	tb.Helper()
	r.Server.mu.Lock()
	defer r.Server.mu.Unlock()
	return "~" + r.Server.channels[string(chat)].Name
}

// MentionText implements [bridgetest.Remote].
func (r *RealRemote) MentionText(tb testing.TB, user bridge.UserID) string {
	tb.Helper()
	return "@" + r.person(user).name
}

// EveryoneText implements [bridgetest.Remote].
func (r *RealRemote) EveryoneText() string { return "@channel" }

// Entitle implements [bridgetest.Remote].
func (r *RealRemote) Entitle(tb testing.TB, user bridge.UserID, chat bridge.ChatID) {
	tb.Helper()
	r.admit(tb, chat, string(user))
	_, err := r.admin.UpdateChannelRoles(tb.Context(), string(chat), string(user), model.ChannelUserRoleId+" "+model.ChannelAdminRoleId)
	must(tb, "make channel admin", err)
}

// ChatText implements [bridgetest.Remote].
func (r *RealRemote) ChatText(tb testing.TB, chat bridge.ChatID) string {
	tb.Helper()
	ch, _, err := r.admin.GetChannel(tb.Context(), string(chat))
	must(tb, "read channel", err)
	return "~" + ch.Name
}
