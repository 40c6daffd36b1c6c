package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// MattermostPassword is that of everybody CreateUser makes.
const MattermostPassword = "Correct-horse-2"

// EnsureTeam returns the ID of the team with this name and creates it, open to every
// account, when it is missing. Names are lower-case letters, digits and dashes.
func (m *Mattermost) EnsureTeam(ctx context.Context, name string) (string, error) {
	team := map[string]any{"name": name, "display_name": name, "type": "O", "allow_open_invite": true}
	id, err := m.ensure(ctx, "/teams/name/"+url.PathEscape(name), "/teams", team)
	if err != nil {
		return "", fmt.Errorf("team: %w", err)
	}
	return id, nil
}

// EnsureChannel returns the ID of a channel of a team and creates it when it is
// missing; private decides only then. The administrator becomes a member.
func (m *Mattermost) EnsureChannel(ctx context.Context, teamID, name string, private bool) (string, error) {
	kind := "O"
	if private {
		kind = "P"
	}
	channel := map[string]string{"team_id": teamID, "name": name, "display_name": name, "type": kind}
	id, err := m.ensure(ctx, "/teams/"+teamID+"/channels/name/"+url.PathEscape(name), "/channels", channel)
	if err != nil {
		return "", fmt.Errorf("channel: %w", err)
	}
	return id, nil
}

// CreateUser creates an ordinary account, adds it to the team and the channels
// and logs it in. An empty team adds it nowhere.
func (m *Mattermost) CreateUser(ctx context.Context, name, teamID string, channelIDs ...string) (*MattermostPerson, error) {
	account := map[string]string{"username": name, "password": MattermostPassword, "email": name + "@school.test"}
	var made struct{ ID string }
	if err := m.Admin.call(ctx, http.MethodPost, "/users", account, &made); err != nil {
		return nil, fmt.Errorf("create user: %w", err)
	}
	if err := m.place(ctx, made.ID, teamID, channelIDs); err != nil {
		return nil, fmt.Errorf("create user: %w", err)
	}
	return m.Login(ctx, name)
}

// Login opens another session of somebody CreateUser made.
func (m *Mattermost) Login(ctx context.Context, name string) (*MattermostPerson, error) {
	return mattermostLogin(ctx, m.URL, m.client, name, MattermostPassword)
}

// CreateBot creates a bot account with a personal access token and adds it to
// the team and the channels.
func (m *Mattermost) CreateBot(ctx context.Context, name, teamID string, channelIDs ...string) (*MattermostPerson, error) {
	var made struct {
		UserID string `json:"user_id"`
	}
	bot := map[string]string{"username": name, "display_name": name}
	if err := m.Admin.call(ctx, http.MethodPost, "/bots", bot, &made); err != nil {
		return nil, fmt.Errorf("create bot: %w", err)
	}
	if err := m.place(ctx, made.UserID, teamID, channelIDs); err != nil {
		return nil, fmt.Errorf("create bot: %w", err)
	}
	token, err := m.Admin.newToken(ctx, made.UserID)
	if err != nil {
		return nil, fmt.Errorf("create bot: %w", err)
	}
	return mattermostWithToken(ctx, m.URL, m.client, token)
}

// AddToTeam adds somebody to a team.
func (m *Mattermost) AddToTeam(ctx context.Context, teamID, userID string) error {
	member := map[string]string{"team_id": teamID, "user_id": userID}
	return m.Admin.call(ctx, http.MethodPost, "/teams/"+teamID+"/members", member, nil)
}

// AddToChannel adds a member of the team to a channel.
func (m *Mattermost) AddToChannel(ctx context.Context, channelID, userID string) error {
	return m.Admin.call(ctx, http.MethodPost, "/channels/"+channelID+"/members", map[string]string{"user_id": userID}, nil)
}

// RemoveFromChannel takes somebody out of a channel.
func (m *Mattermost) RemoveFromChannel(ctx context.Context, channelID, userID string) error {
	return m.Admin.call(ctx, http.MethodDelete, "/channels/"+channelID+"/members/"+userID, nil, nil)
}

// RevokeTokens ends all sessions and personal access tokens' sessions of
// somebody, as an administrator would after a leak. A personal access token
// itself stays valid and opens a new session.
func (m *Mattermost) RevokeTokens(ctx context.Context, userID string) error {
	return m.Admin.call(ctx, http.MethodPost, "/users/"+userID+"/sessions/revoke/all", nil, nil)
}

// SetActive activates or deactivates an account. A deactivated one is logged
// out and its tokens answer 401.
func (m *Mattermost) SetActive(ctx context.Context, userID string, active bool) error {
	return m.Admin.call(ctx, http.MethodPut, "/users/"+userID+"/active", map[string]bool{"active": active}, nil)
}

// place adds an account to a team and to channels of it.
func (m *Mattermost) place(ctx context.Context, userID, teamID string, channelIDs []string) error {
	if teamID == "" {
		return nil
	}
	if err := m.AddToTeam(ctx, teamID, userID); err != nil {
		return err
	}
	for _, channelID := range channelIDs {
		if err := m.AddToChannel(ctx, channelID, userID); err != nil {
			return err
		}
	}
	return nil
}

// ensure looks something up and creates it when the answer is "not found".
func (m *Mattermost) ensure(ctx context.Context, lookUp, create string, what any) (string, error) {
	var found struct{ ID string }
	err := m.Admin.call(ctx, http.MethodGet, lookUp, nil, &found)
	if status, ok := errors.AsType[*StatusError](err); ok && status.Status == http.StatusNotFound {
		err = m.Admin.call(ctx, http.MethodPost, create, what, &found)
	}
	return found.ID, err
}
