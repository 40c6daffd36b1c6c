package mattermost

import (
	"cmp"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
)

const (
	propFromBot     = "from_bot"
	propFromPlugin  = "from_plugin"
	propFromApp     = "from_oauth_app"
	propWebhookName = "webhook_display_name"
)

// integration is the name under which a program speaks in a post, "" when it is
// none. A webhook posts with the account of who made it: without more, that person
// would seem to say what a program does. A bot's account is shown as one already.
//
// Anybody may set these props, so the name only stands in the text.
func integration(p *model.Post) string {
	if prop(p, propFromWebhook) != "true" {
		return ""
	}
	name := prop(p, propOverrideName)
	if prop(p, propFromBot) == "true" {
		return name
	}
	return cmp.Or(name, prop(p, propWebhookName), model.DefaultWebhookUsername) + " (webhook)"
}

// byProgram tells whether a program wrote a post with somebody's account: a webhook, a
// plugin, an app. A person may pretend that, and only loses by it.
func byProgram(p *model.Post) bool {
	for _, name := range []string{propFromWebhook, propFromPlugin, propFromApp, propFromBot} {
		if prop(p, name) == "true" {
			return true
		}
	}
	return p.Type == model.PostTypeMessageAttachment || strings.HasPrefix(p.Type, model.PostCustomTypePrefix)
}
