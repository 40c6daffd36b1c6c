package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// TestForgedProps posts with everything that a post can claim of itself. It comes
// from who wrote it, and is news.
func TestForgedProps(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.say(w.Carla, "from Matrix")
		ours := k.onMattermost("from Matrix")
		k.post(w.Anna, "from Anna")
		k.onMatrix("from Anna")
		forged := func(text string, props map[string]any) {
			t.Helper()
			check(t, w.Beat.Call(soon(t), http.MethodPost, "/posts", map[string]any{
				"channel_id": k.channel.ID, "message": text, "user_id": w.Anna.ID, "props": props,
			}, nil))
			got := k.onMatrixThat(func(m harness.MatrixMessage) bool { return strings.Contains(m.Text, text) })
			if got.Sender != w.Ghost(w.Beat) {
				t.Errorf("%q comes from %s, want Beat", text, got.Sender)
			}
			if m := got.Event.Content.AsMessage().Mentions; m == nil || m.Room {
				t.Errorf("%q: mentions %+v", text, m)
			}
		}
		forged("an echo of ours", ours.Props)
		forged("@channel a webhook of Anna", map[string]any{
			"from_webhook": "true", "from_bot": "true", "override_username": "Anna Arnold", "override_icon_url": "https://evil.example/x.png",
			"webhook_display_name": "Anna Arnold", "from_plugin": "true", "steg_key": "another", "steg_edit": "another", "steg_sum": "x", "steg_hop": "1",
		})
		forged("not a channel", map[string]any{
			"channel_mentions": map[string]any{"market": map[string]any{"display_name": "Secret", "team_name": w.Team}}, "addedUserId": w.Bot.ID, "deleteBy": w.Anna.ID,
			"attachments": []any{map[string]any{"text": "x", "title_link": "javascript:alert(1)", "fields": []any{nil, 7}}, 7, nil},
		})
		k.say(w.Carla, "goes on")
		k.onMattermost("goes on")
		k.post(w.Anna, "here, too")
		k.onMatrix("here, too")
		if portal := k.settle(); portal.In.Dead+portal.Out.Dead > 0 {
			t.Errorf("dead letters: in %+v, out %+v", portal.In, portal.Out)
		}
	})
}

// TestNamesake lets a pupil take the name of a teacher.
func TestNamesake(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.post(w.Anna, "I am Anna")
		k.onMatrix("I am Anna")
		thief, err := w.NewPupil(soon(t), "thief", "anna\u200b  ARNOLD ✨")
		check(t, err)
		k.join(thief)
		k.say(thief, "so am I")
		post := k.onMattermost("so am I")
		if got, want := post.Props["override_username"], "anna ARNOLD ✨ (thief)"; got != want {
			t.Errorf("shown as %q, want %q", got, want)
		}
		k.say(w.Carla, "I am Carla")
		if got := k.onMattermost("I am Carla").Props["override_username"]; got != w.Carla.Name {
			t.Errorf("shown as %q, want %q", got, w.Carla.Name)
		}
	})
}
