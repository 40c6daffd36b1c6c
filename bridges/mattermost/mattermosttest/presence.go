package mattermosttest

import (
	"net/http"
	"slices"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

var (
	_ bridgetest.RemotePresence = (*Remote)(nil)
	_ bridgetest.RemotePresence = (*RealRemote)(nil)
)

// SetStatus lets a user choose the status that others see.
func (s *Server) SetStatus(user, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses[user] = status
}

// statusOf tells users' status; of whom the server knows none it is offline.
func (s *Server) statusOf(w http.ResponseWriter, r *http.Request) {
	ids, ok := decode[[]string](w, r)
	if !ok {
		return
	}
	if len(ids) == 0 || slices.ContainsFunc(ids, func(id string) bool { return !model.IsValidId(id) }) {
		writeError(w, refuse(http.StatusBadRequest, "api.context.invalid_body_param.app_error"))
		return
	}
	s.mu.Lock()
	out := []*model.Status{}
	for _, id := range ids {
		status := s.statuses[id]
		if status == "" {
			status = model.StatusOffline
		}
		out = append(out, &model.Status{UserId: id, Status: status})
	}
	s.mu.Unlock()
	answer(w, http.StatusOK, out, nil)
}

// statuses are how the server calls what people choose.
var statuses = map[bridge.Presence]string{
	bridge.PresenceOnline: model.StatusOnline, bridge.PresenceAway: model.StatusAway,
	bridge.PresenceBusy: model.StatusDnd, bridge.PresenceOffline: model.StatusOffline,
}

// SetPresence implements [bridgetest.RemotePresence].
func (r *Remote) SetPresence(tb testing.TB, user bridge.UserID, p bridge.Presence) {
	tb.Helper()
	r.Server.SetStatus(string(user), statuses[p])
}

// SetPresence implements [bridgetest.RemotePresence].
func (r *RealRemote) SetPresence(tb testing.TB, user bridge.UserID, p bridge.Presence) {
	tb.Helper()
	_, _, err := r.person(user).client.UpdateUserStatus(tb.Context(), string(user), &model.Status{UserId: string(user), Status: statuses[p]})
	must(tb, "set status", err)
}
