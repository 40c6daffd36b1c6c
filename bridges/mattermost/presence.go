package mattermost

import (
	"context"
	"slices"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

var _ bridge.PresenceLister = (*client)(nil)

// presences are the server's words; whoever is out of office is not there.
var presences = map[string]bridge.Presence{
	model.StatusOnline: bridge.PresenceOnline, model.StatusAway: bridge.PresenceAway, model.StatusDnd: bridge.PresenceBusy,
	model.StatusOffline: bridge.PresenceOffline, model.StatusOutOfOffice: bridge.PresenceOffline,
}

// Presence asks for people's status, which the server pushes to nobody but
// themselves. Of whom it has never seen it says that they are offline.
func (c *client) Presence(ctx context.Context, users []bridge.UserID) (map[bridge.UserID]bridge.Presence, error) {
	var ids []string
	for _, u := range users {
		if validID(string(u)) { // one that is not fails the whole request
			ids = append(ids, string(u))
		}
	}
	out := map[bridge.UserID]bridge.Presence{}
	for batch := range slices.Chunk(ids, pageSize) {
		all, err := post[[]*model.Status](ctx, c.api, "read presence", "/users/status/ids", batch)
		if err != nil {
			return nil, c.explain(ctx, err, "")
		}
		for _, s := range all {
			if p, ok := presences[s.Status]; ok {
				out[bridge.UserID(s.UserId)] = p
			}
		}
	}
	return out, nil
}
