package matrix

import (
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// Compare tells where a registration does not fit the configuration, and what to
// do. It looks at what the patterns do, not at how they are written.
func (r *Registration) Compare(want RegistrationOptions) []bridge.Finding {
	want = want.withDefaults()
	const anew = "write registration.yaml anew, give it to the homeserver and restart that"
	var found []bridge.Finding
	fail := func(what, fix string) {
		found = append(found, bridge.Finding{Level: bridge.LevelFail, What: "registration: " + what, Fix: fix})
	}
	warn := func(what, fix string) {
		found = append(found, bridge.Finding{Level: bridge.LevelWarn, What: "registration: " + what, Fix: fix})
	}
	if r.ID != want.ID {
		fail(fmt.Sprintf("its id is %q, configured is %q", r.ID, want.ID), anew)
	}
	if strings.Contains(r.ID, "|") {
		fail(`its id has a "|", which Synapse uses itself`, anew)
	}
	if r.URL != want.URL {
		fail(fmt.Sprintf("its url is %q, configured is %q", r.URL, want.URL), "make both the address where the homeserver reaches Steg, without a slash at the end")
	}
	if r.ASToken == r.HSToken {
		fail("as_token and hs_token are the same", anew)
	}
	if r.SenderLocalpart == want.BotLocalpart {
		fail("sender_localpart is the bot, which Synapse does not let sync", anew)
	}
	if !covers(r.Namespaces.Users, string(want.bot())) {
		fail(fmt.Sprintf("the bot %s is in none of its exclusive namespaces", want.bot()), anew)
	}
	if !covers(r.Namespaces.Users, string(id.NewUserID(want.Prefix+"bridge_person=2f_a", want.ServerName))) {
		fail("ghosts of this server are in none of its exclusive namespaces", anew)
	}
	if covers(r.Namespaces.Users, string(id.NewUserID("someone", want.ServerName))) {
		fail("it claims people's own accounts", anew)
	}
	if !covers(r.Namespaces.Aliases, string(id.NewRoomAlias(want.Prefix+"room", want.ServerName))) {
		fail("our room aliases are in none of its exclusive namespaces", anew)
	}
	if r.RateLimited {
		warn("rate_limited is true, messages will be slowed down", "set rate_limited: false and restart the homeserver")
	}
	for _, p := range want.Protocols {
		if !slices.Contains(r.Protocols, p) {
			warn(fmt.Sprintf("protocol %q is missing; only the homeserver's room directory needs it", p),
				fmt.Sprintf("add %s to protocols and restart the homeserver when convenient", p))
		}
	}
	if len(found) == 0 {
		found = append(found, bridge.Finding{Level: bridge.LevelOK, What: "registration fits the configuration"})
	}
	return found
}
