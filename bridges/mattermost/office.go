package mattermost

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
)

// officeTime is how long an answer holds whether somebody may alert a channel.
const officeTime = time.Minute

// officeOf is whom and what an answer is about.
type officeOf struct{ channel, user string }

// office is such an answer.
type office struct {
	may bool
	at  time.Time
}

// alertWord finds what may alert everybody in a channel.
var alertWord = regexp.MustCompile(`(?i)@(?:all|channel|here)`)

// alerts tells whether a post may alert everybody: a person wrote it, by hand, and
// the server does not say that the words have no effect. Anybody may set props, but
// these can only take the effect away.
func alerts(p *model.Post) bool {
	if p.Type != model.PostTypeDefault && p.Type != model.PostTypeMe {
		return false
	}
	for _, name := range []string{
		propFromWebhook, propFromBot, model.PostPropsFromPlugin, model.PostPropsFromOAuthApp,
		model.PostPropsMentionHighlightDisabled, model.PostPropsGroupHighlightDisabled,
	} {
		if v := p.GetProp(name); v == true || v == "true" {
			return false
		}
	}
	return alertWord.MatchString(source(p))
}

// learn makes known what posts refer to, so that they can be converted without
// waiting.
func (c *client) learn(ctx context.Context, posts ...*model.Post) {
	c.learnNames(ctx, textsOf(posts...)...)
	ctx, cancel := context.WithTimeout(ctx, namesTime)
	defer cancel()
	for _, p := range posts {
		if alerts(p) {
			c.learnOffice(ctx, p)
		}
	}
}

// learnOffice asks whether the author of a post may alert its channel. What cannot
// be found out counts as no.
func (c *client) learnOffice(ctx context.Context, p *model.Post) {
	key := officeOf{p.ChannelId, p.UserId}
	if known, ok := c.offices.get(key); ok && c.api.now().Sub(known.at) < officeTime {
		return
	}
	may, err := c.holdsOffice(ctx, p)
	if err != nil {
		return
	}
	c.offices.put(key, office{may: may, at: c.api.now()})
}

// mayAlert tells whether a post that was learned just now alerts everybody.
func (c *client) mayAlert(p *model.Post) bool {
	known, ok := c.offices.get(officeOf{p.ChannelId, p.UserId})
	return ok && known.may && c.api.now().Sub(known.at) < 2*officeTime && alerts(p)
}

// holdsOffice asks the server whether the author of a post is a person who runs the
// channel, its team or the server, and whether the channel is small enough: above
// a size the server alerts nobody.
func (c *client) holdsOffice(ctx context.Context, p *model.Post) (bool, error) {
	u, err := c.api.user(ctx, p.UserId)
	if err != nil || u.IsBot || u.DeleteAt > 0 {
		return false, err
	}
	may := hasRole(u.Roles, model.SystemAdminRoleId)
	if !may {
		if may, err = c.runsChannel(ctx, p); err != nil || !may {
			return false, err
		}
	}
	me, err := c.me(ctx)
	if err != nil || me.maxAlert == 0 {
		return err == nil, err
	}
	members, err := c.api.memberCount(ctx, p.ChannelId)
	return err == nil && members < me.maxAlert, err
}

// runsChannel asks whether the author of a post is an admin of its channel or team.
func (c *client) runsChannel(ctx context.Context, p *model.Post) (bool, error) {
	inChannel, err := c.api.channelMember(ctx, p.ChannelId, p.UserId)
	if err != nil || inChannel.SchemeAdmin || hasRole(inChannel.Roles, model.ChannelAdminRoleId) {
		return err == nil, err
	}
	ch, err := c.api.channel(ctx, p.ChannelId)
	if err != nil || ch.TeamId == "" {
		return false, err
	}
	inTeam, err := c.api.teamMember(ctx, ch.TeamId, p.UserId)
	return err == nil && (inTeam.SchemeAdmin || hasRole(inTeam.Roles, model.TeamAdminRoleId)), err
}

func hasRole(roles, role string) bool {
	for have := range strings.FieldsSeq(roles) {
		if have == role {
			return true
		}
	}
	return false
}

func (a *api) channelMember(ctx context.Context, channel, user string) (*model.ChannelMember, error) {
	return get[*model.ChannelMember](ctx, a, "read membership of channel", "/channels/"+channel+"/members/"+user)
}

func (a *api) teamMember(ctx context.Context, team, user string) (*model.TeamMember, error) {
	return get[*model.TeamMember](ctx, a, "read membership of team", "/teams/"+team+"/members/"+user)
}
