package mattermost

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/steg-bridge/steg/core/bridge"
)

var _ bridge.Checker = (*client)(nil)

// Check looks at everything that the bridge needs on the server.
func (c *client) Check(ctx context.Context) []bridge.Finding {
	var found []bridge.Finding
	add := func(level bridge.Level, what, fix string) {
		found = append(found, bridge.Finding{Level: level, What: what, Fix: fix})
	}
	if err := c.api.healthy(ctx); err != nil {
		add(bridge.LevelFail, "the server is not reachable or not healthy: "+err.Error(),
			"check that url is what people type into their browser, that this machine can reach it, and that the server and its database run")
		return found
	}
	add(bridge.LevelOK, "the server answers and is healthy", "")
	me, err := c.lookAtSelf(ctx)
	if err != nil {
		fix := "try again; if it stays, look into the server's log"
		if errors.Is(err, bridge.ErrLoggedOut) {
			fix = "create a new access token for the bot account, put it into token_file, and make sure that the account is enabled"
		}
		add(bridge.LevelFail, "the token is not accepted", fix)
		return found
	}
	add(bridge.LevelOK, "the token is valid, it belongs to @"+me.name, "")
	if me.bot {
		add(bridge.LevelOK, "the account is a bot account", "")
	} else {
		add(bridge.LevelWarn, "the account is not a bot account",
			"create a bot account (Integrations > Bot Accounts) and use its token: people see at once that it is no person, and it needs no seat")
	}
	c.checkSwitch(me.nameOverride, "names", "EnablePostUsernameOverride", "Enable integrations to override usernames",
		"the names of people from Matrix stand in the text", add)
	c.checkSwitch(me.iconOverride, "pictures", "EnablePostIconOverride", "Enable integrations to override profile picture icons",
		"the pictures of people from Matrix are not shown", add)
	if me.maxPost < defaultMaxPost {
		add(bridge.LevelWarn, fmt.Sprintf("a post holds only %d characters", me.maxPost),
			"the server's database is from before 2018: longer texts from Matrix are refused until its Posts table is enlarged (Mattermost documentation, message length)")
	}
	c.checkTeams(ctx, me, add)
	c.checkPuppets(ctx, add)
	return found
}

func (c *client) checkSwitch(on bool, what, setting, label, without string, add func(bridge.Level, string, string)) {
	if on {
		add(bridge.LevelOK, "people from Matrix appear with their "+what, "")
		return
	}
	add(bridge.LevelWarn, "ServiceSettings."+setting+" is off: "+without,
		fmt.Sprintf("switch on %q in System Console > Integrations > Integration Management (or: mmctl config set ServiceSettings.%s true)", label, setting))
}

func (c *client) checkTeams(ctx context.Context, me *self, add func(bridge.Level, string, string)) {
	teams, err := c.api.myTeams(ctx)
	if err != nil {
		add(bridge.LevelFail, "the bot's teams cannot be listed: "+err.Error(), "try again; if it stays, look into the server's log")
		return
	}
	if len(teams) == 0 {
		add(bridge.LevelFail, "the bot is in no team", fmt.Sprintf("add @%s to each team whose channels are bridged (mmctl team users add TEAM %s)", me.name, me.name))
		return
	}
	names := make([]string, 0, len(teams))
	for _, t := range teams {
		names = append(names, t.Name)
	}
	add(bridge.LevelOK, "the bot is in the team(s) "+strings.Join(names, ", "), "")
}
