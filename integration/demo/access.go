package main

import (
	"fmt"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// printAccess tells how to look around in what is kept running.
func printAccess(w *world.World) {
	fmt.Printf(`
Everything keeps running until Ctrl-C.

Matrix homeserver  %s   (server name %s)
  Open Element (desktop, or https://app.element.io in a browser on this machine),
  choose this homeserver and log in as one of
    carla, dario   pupils
    admin          the school's admin: write "help" to %s
  with the password %s

Mattermost         %s
  The server runs without its web pages; use a Mattermost desktop or mobile app,
  or its API:
    %s, %s   teachers, password %s
    curl -s -H "Authorization: Bearer %s" \
      %s/api/v4/channels/%s/posts

Steg               its log and data are in %s
    %s status --config %s
`,
		w.Homeserver.URL, w.Homeserver.ServerName, w.BotID(), world.Password,
		w.Mattermost.URL, w.Anna.MattermostPerson.Name, w.Beat.MattermostPerson.Name, harness.MattermostPassword,
		w.Anna.Token, w.Mattermost.URL, w.Market.ID,
		w.Gateway.Dir, w.Gateway.Path(), w.Gateway.Config())
}
