package e2e_test

import (
	"strings"
	"testing"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// TestOddTexts sends what databases and displays stumble over. A server may refuse
// it; what it takes must cross, and the conversation goes on in any case.
func TestOddTexts(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		for name, text := range map[string]string{
			"nul": "before\x00after", "control": "be\x01fo\x1bre\x7fafter", "bidi": "before\u202eafter\u2066", "noncharacter": "before\uffff\ufffeafter",
		} {
			if _, err := w.Carla.Say(soon(t), k.room, name+" "+text); err == nil {
				got := k.onMattermostThat(func(p harness.MattermostPost) bool { return strings.HasPrefix(p.Message, name) })
				if strings.ContainsAny(got.Message, "\x00\x01\x1b") {
					t.Errorf("%s: %q on Mattermost", name, got.Message)
				}
			} else {
				t.Logf("%s: the homeserver refuses it: %v", name, err)
			}
			if _, err := w.Anna.Post(soon(t), k.channel.ID, name+" "+text); err == nil {
				k.onMatrixThat(func(m harness.MatrixMessage) bool {
					return strings.HasPrefix(m.Text, name) && m.Sender == w.Ghost(w.Anna) && !strings.ContainsAny(m.Text, "\x00\x01\x1b")
				})
			} else {
				t.Logf("%s: Mattermost refuses it: %v", name, err)
			}
		}
		k.say(w.Carla, "goes on")
		k.onMattermost("goes on")
		k.post(w.Anna, "here, too")
		k.onMatrix("here, too")
	})
}

// TestLongPost sends the longest post that Mattermost takes, in characters of
// four bytes: larger than a Matrix event may be.
func TestLongPost(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.post(w.Anna, "long "+strings.Repeat("🐢", 16000))
		k.post(w.Anna, "after the long post")
		k.onMatrix("after the long post")
		k.settle()
		portal := k.settle()
		if portal.In.Dead > 0 {
			// Then both sides are told.
			k.onMattermostThat(func(p harness.MattermostPost) bool {
				return p.UserID == w.Bot.ID && strings.Contains(p.Message, "too long")
			})
			return
		}
		k.onMatrixThat(func(m harness.MatrixMessage) bool { return strings.HasPrefix(m.Text, "long 🐢") })
	})
}
