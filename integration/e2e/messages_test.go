package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.post(w.Anna, "Grüezi mitenand 👋")
		got := k.onMatrix("Grüezi mitenand 👋")
		if want := w.Ghost(w.Anna); got.Sender != want {
			t.Errorf("sender %s, want %s", got.Sender, want)
		}
		k.say(w.Carla, "Hoi zäme")
		post := k.onMattermost("Hoi zäme")
		if post.UserID != w.Bot.ID || post.Props["override_username"] != w.Carla.Name {
			t.Errorf("post by %s as %v, want the bot as %s", post.UserID, post.Props["override_username"], w.Carla.Name)
		}
		for i := range 20 {
			if i%2 == 0 {
				k.post(w.Beat, fmt.Sprintf("von Beat %d", i))
			} else {
				k.post(w.Anna, fmt.Sprintf("von Anna %d", i))
			}
		}
		k.onMatrix("von Anna 19")
		for i := range 20 {
			if i%2 == 0 {
				k.say(w.Dario, fmt.Sprintf("von Dario %d", i))
			} else {
				k.say(w.Carla, fmt.Sprintf("von Carla %d", i))
			}
		}
		k.agree()
		portal := k.settle()
		if portal.In.Dead+portal.Out.Dead+portal.In.Dropped+portal.Out.Dropped > 0 {
			t.Errorf("lost something: in %+v, out %+v", portal.In, portal.Out)
		}
	})
}

// TestPriority marks what is important or urgent on Mattermost.
func TestPriority(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k := open(t, w, "announce")
		for word, want := range map[string]string{"important": "❗ Zeugnisse", "urgent": "‼️ Zeugnisse", "": "Zeugnisse"} {
			post := map[string]any{
				"channel_id": k.channel.ID, "message": "**Zeugnisse**", "metadata": map[string]any{"priority": map[string]any{"priority": word}},
			}
			check(t, w.Anna.Call(soon(t), http.MethodPost, "/posts", post, nil))
			shown := k.onMatrixThat(func(m harness.MatrixMessage) bool { return strings.ReplaceAll(m.Text, "*", "") == want })
			if !strings.Contains(shown.HTML, "<strong>Zeugnisse</strong>") {
				t.Errorf("%q shows as %q", word, shown.HTML)
			}
		}
	})
}

func TestEdits(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		post := k.post(w.Anna, "eins")
		k.onMatrix("eins")
		for _, text := range []string{"zwei", "drei", "**vier**"} {
			check(t, w.Anna.Edit(soon(t), post, text))
		}
		got := k.onMatrixThat(func(m harness.MatrixMessage) bool { return len(m.Edits) == 3 })
		if got.Text != "eins" || got.Edits[1] != "drei" {
			t.Errorf("got %q, then %q", got.Text, got.Edits)
		}

		said := k.say(w.Carla, "one")
		k.onMattermost("one")
		for _, text := range []string{"two", "three"} {
			_, err := w.Carla.Edit(soon(t), k.room, said, text)
			check(t, err)
		}
		if k.onMattermost("three").EditAt == 0 {
			t.Error("the post is not marked as edited")
		}
		k.agree()
	})
}

func TestDeletions(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.post(w.Anna, "stays")
		root := k.post(w.Anna, "root")
		k.reply(w.Beat, root, "reply of a teacher")
		k.answer(w.Carla, k.onMatrix("root").ID, "reply of a pupil")
		k.onMattermost("reply of a pupil")
		k.onMatrix("reply of a teacher")
		gone := k.say(w.Dario, "a pupil's mistake")
		k.onMattermost("a pupil's mistake")

		check(t, w.Dario.Redact(soon(t), k.room, gone))
		// On Mattermost a thread goes with its first post.
		check(t, w.Anna.Delete(soon(t), root))
		messages, err := w.Carla.WaitForAll(soon(t), k.room, func(all []harness.MatrixMessage) bool {
			redacted := 0
			for _, m := range all {
				if m.Redacted {
					redacted++
				}
			}
			return redacted == 4
		})
		check(t, err)
		if messages[0].Redacted {
			t.Error("a message that nobody deleted is gone")
		}
		k.agree()
	})
}
