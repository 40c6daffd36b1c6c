package mattermosttest

import (
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

var (
	_ bridgetest.RemoteSpaces = (*Remote)(nil)
	_ bridgetest.RemoteSpaces = (*RealRemote)(nil)
)

// NewSpace implements [bridgetest.RemoteSpaces].
func (r *Remote) NewSpace(tb testing.TB, name string) bridge.SpaceID {
	tb.Helper()
	team := r.Server.NewTeam("t" + model.NewId()[:12])
	r.Server.mu.Lock()
	r.Server.inTeam[team][r.Bot] = true
	r.Server.mu.Unlock()
	r.RenameSpace(tb, bridge.SpaceID(team), name)
	return bridge.SpaceID(team)
}

// NewChatIn implements [bridgetest.RemoteSpaces].
func (r *Remote) NewChatIn(tb testing.TB, space bridge.SpaceID) bridge.ChatID {
	tb.Helper()
	return bridge.ChatID(r.Server.NewChannel(string(space), "c"+model.NewId()[:12], false))
}

// RenameSpace implements [bridgetest.RemoteSpaces].
func (r *Remote) RenameSpace(tb testing.TB, space bridge.SpaceID, name string) {
	tb.Helper()
	r.Server.UpdateTeam(string(space), func(t *model.Team) { t.DisplayName = name })
}

// OpenSpace implements [bridgetest.RemoteSpaces].
func (r *Remote) OpenSpace(tb testing.TB, space bridge.SpaceID, open bool) {
	tb.Helper()
	r.Server.UpdateTeam(string(space), func(t *model.Team) { t.AllowOpenInvite = open })
}

// ArchiveSpace implements [bridgetest.RemoteSpaces].
func (r *Remote) ArchiveSpace(tb testing.TB, space bridge.SpaceID, archived bool) {
	tb.Helper()
	r.Server.ArchiveTeam(string(space), archived)
}

// NewSpace implements [bridgetest.RemoteSpaces].
func (r *RealRemote) NewSpace(tb testing.TB, name string) bridge.SpaceID {
	tb.Helper()
	team, _, err := r.admin.CreateTeam(tb.Context(), &model.Team{
		Name: "t" + model.NewId()[:12], DisplayName: name, Type: model.TeamOpen, AllowOpenInvite: true,
	})
	must(tb, "make team", err)
	_, _, err = r.admin.AddTeamMember(tb.Context(), team.Id, r.bot)
	must(tb, "add bot to team", err)
	return bridge.SpaceID(team.Id)
}

// NewChatIn implements [bridgetest.RemoteSpaces].
func (r *RealRemote) NewChatIn(tb testing.TB, space bridge.SpaceID) bridge.ChatID {
	tb.Helper()
	made, _, err := r.admin.CreateChannel(tb.Context(), &model.Channel{
		TeamId: string(space), Name: "c" + model.NewId()[:12], DisplayName: "Chat", Type: model.ChannelTypeOpen,
	})
	must(tb, "make channel", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.elsewhere[made.Id] = string(space)
	return bridge.ChatID(made.Id)
}

// RenameSpace implements [bridgetest.RemoteSpaces].
func (r *RealRemote) RenameSpace(tb testing.TB, space bridge.SpaceID, name string) {
	tb.Helper()
	_, _, err := r.admin.PatchTeam(tb.Context(), string(space), &model.TeamPatch{DisplayName: &name})
	must(tb, "rename team", err)
}

// OpenSpace implements [bridgetest.RemoteSpaces].
func (r *RealRemote) OpenSpace(tb testing.TB, space bridge.SpaceID, open bool) {
	tb.Helper()
	_, _, err := r.admin.PatchTeam(tb.Context(), string(space), &model.TeamPatch{AllowOpenInvite: &open})
	must(tb, "open team", err)
}

// ArchiveSpace implements [bridgetest.RemoteSpaces].
func (r *RealRemote) ArchiveSpace(tb testing.TB, space bridge.SpaceID, archived bool) {
	tb.Helper()
	if archived {
		_, err := r.admin.SoftDeleteTeam(tb.Context(), string(space))
		must(tb, "archive team", err)
		return
	}
	_, _, err := r.admin.RestoreTeam(tb.Context(), string(space))
	must(tb, "restore team", err)
}
