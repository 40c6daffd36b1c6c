package mattermost

import (
	"context"
	"errors"
	"fmt"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

// A team is a space. What is remembered of one is forgotten at each connection and
// replaced by what the server pushes. A team that was archived is not listed any more,
// nor are its channels; otherwise the server lets everything go on in it, also that
// people write. So it is us who stop.

// Space reads a team. It is open when everybody with an account may join it.
func (c *client) Space(ctx context.Context, id bridge.SpaceID) (*bridge.SpaceInfo, error) {
	if !validID(string(id)) {
		return nil, bridge.ErrNotFound
	}
	team, err := c.api.team(ctx, string(id))
	if err != nil {
		if err = c.explain(ctx, err, ""); errors.Is(err, bridge.ErrForbidden) {
			return nil, fmt.Errorf("%w, or the bot is not in the team: %w", bridge.ErrNotFound, err)
		}
		return nil, err
	}
	c.teams.put(team.Id, team)
	return &bridge.SpaceInfo{
		ID: id, Name: team.DisplayName, Topic: team.Description, Slug: slug(team.Name), Open: team.AllowOpenInvite,
	}, nil
}

// teamOf is the team of a channel, an empty one of a channel that has none.
func (c *client) teamOf(ctx context.Context, ch *model.Channel) (*model.Team, error) {
	if ch.TeamId == "" {
		return &model.Team{}, nil
	}
	if team, ok := c.teams.get(ch.TeamId); ok {
		return team, nil
	}
	team, err := c.api.team(ctx, ch.TeamId)
	if err == nil {
		c.teams.put(team.Id, team)
	}
	return team, err
}

// teamEvent takes the news that a team was changed, archived or restored.
func (f *feed) teamEvent(fr *frame) error {
	team := &model.Team{}
	if err := fr.nested("team", team); err != nil {
		return err
	}
	f.c.teams.put(team.Id, team)
	f.sink.SpaceChanged(bridge.SpaceID(team.Id))
	if fr.Event != string(model.WebsocketEventUpdateTeam) {
		f.sweepAll() // its channels close or open again
	}
	return nil
}

// closedAt is when a channel was archived, or its team was; 0 when neither.
func closedAt(ch *model.Channel, team *model.Team) (at int64, why string) {
	switch {
	case ch.DeleteAt > 0:
		return ch.DeleteAt, "the channel was archived"
	case team.DeleteAt > 0:
		return team.DeleteAt, "the team was archived"
	}
	return 0, ""
}

// lastChange is when a channel or its team was changed last.
func lastChange(ch *model.Channel, team *model.Team) int64 {
	return max(ch.UpdateAt, ch.DeleteAt, team.UpdateAt)
}
