package e2e_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/harness/harnesstest"
	"github.com/steg-bridge/steg/integration/world"
)

// TestRateLimits writes more than a Mattermost with rate limits lets one account
// write. It arrives later, whole and in order, and the other direction goes on.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	full(t, func(t *testing.T, kind world.Kind) {
		mattermost := harnesstest.Mattermost(t, harness.MattermostOptions{Postgres: worlds.Postgres(t), Env: []string{
			"MM_RATELIMITSETTINGS_ENABLE=true", "MM_RATELIMITSETTINGS_PERSEC=20", "MM_RATELIMITSETTINGS_MAXBURST=60",
			"MM_RATELIMITSETTINGS_VARYBYREMOTEADDR=false", "MM_RATELIMITSETTINGS_VARYBYUSER=true",
		}})
		w := running(t, world.Options{Homeserver: kind, Mattermost: mattermost})
		k, other := openAs(t, w, "storm", "both"), openAs(t, w, "quiet", "both")
		limited := false
		for range 500 { // with this Steg's account has used up what it may
			if limited = w.Bot.Call(soon(t), http.MethodGet, "/users/me", nil, nil) != nil; limited {
				break
			}
		}
		if !limited {
			t.Fatal("the server limits nothing")
		}
		const count = 160
		for n := range count {
			k.say(w.Carla, fmt.Sprintf("storm %d", n))
			if n == count/2 {
				other.post(w.Anna, "inwards, meanwhile")
				other.onMatrix("inwards, meanwhile")
			}
		}
		other.say(w.Dario, "outwards, meanwhile")
		other.onMattermost("outwards, meanwhile")
		k.onMattermost(fmt.Sprintf("storm %d", count-1))
		k.agree()
		if portal := k.settle(); portal.Out.Dead > 0 {
			t.Errorf("dead letters: %+v", portal.Out)
		}
	})
}
