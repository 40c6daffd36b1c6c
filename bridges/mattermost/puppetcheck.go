package mattermost

import (
	"context"
	"fmt"
	"net/http"

	"github.com/steg-bridge/steg/core/bridge"
)

// checkPuppets looks at what making accounts needs.
func (c *client) checkPuppets(ctx context.Context, add func(bridge.Level, string, string)) {
	if c.admin == nil {
		return
	}
	me, err := c.admin.lookAtSelf(ctx)
	if err != nil {
		add(bridge.LevelFail, "the administrator's token is not accepted: the bot account speaks for new Matrix people",
			"create an access token for a system administrator's account and put it into admin_token_file")
		return
	}
	user, err := c.admin.api.me(ctx)
	switch {
	case err != nil:
		add(bridge.LevelFail, "the administrator's account cannot be read: "+err.Error(), "try again; if it stays, look into the server's log")
	case me.bot:
		add(bridge.LevelFail, "the administrator's token is a bot's, which cannot make accounts", "use the token of a person's account")
	case !user.IsSystemAdmin():
		add(bridge.LevelFail, "the administrator's token belongs to @"+me.name+", who is no system administrator", "make that account one, or use another's token")
	default:
		add(bridge.LevelOK, "accounts for Matrix people are made by @"+me.name, "")
		c.checkBotSwitch(ctx, add)
	}
}

func (c *client) checkBotSwitch(ctx context.Context, add func(bridge.Level, string, string)) {
	var cfg struct {
		ServiceSettings struct{ EnableBotAccountCreation bool }
		TeamSettings    struct{ MaxUsersPerTeam int }
	}
	if err := c.admin.api.call(ctx, "read the server's settings", http.MethodGet, "/config", nil, &cfg); err != nil {
		add(bridge.LevelWarn, "the server's settings cannot be read: "+err.Error(), "check that the account is a system administrator's")
		return
	}
	if !cfg.ServiceSettings.EnableBotAccountCreation {
		add(bridge.LevelFail, "ServiceSettings.EnableBotAccountCreation is off: no account can be made",
			"switch it on in System Console > Integrations > Bot Accounts")
	}
	add(bridge.LevelOK, fmt.Sprintf("a team holds %d accounts; those of Matrix people count", cfg.TeamSettings.MaxUsersPerTeam), "")
}
