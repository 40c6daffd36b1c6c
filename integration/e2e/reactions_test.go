package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// reacted waits until exactly these people show these reactions on Matrix.
func (k *talk) reacted(message id.EventID, want map[string][]id.UserID) {
	k.t.Helper()
	for _, users := range want {
		slices.Sort(users)
	}
	k.onMatrixThat(func(m harness.MatrixMessage) bool {
		for _, users := range m.Reactions {
			slices.Sort(users)
		}
		return m.ID == message && maps.EqualFunc(m.Reactions, want, slices.Equal)
	})
}

// botReacts waits until the bot shows exactly these emoji at a post.
func (k *talk) botReacts(post string, want ...string) {
	k.t.Helper()
	check(k.t, world.Until(soon(k.t), "the bot's reactions", func(ctx context.Context) error {
		all, err := k.w.Anna.Reactions(ctx, post)
		if err != nil {
			return err
		}
		var got []string
		for name, users := range all {
			if slices.Contains(users, k.w.Bot.ID) {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%q, want %q", got, want)
		}
		return nil
	}))
}

func TestReactions(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		post := k.post(w.Anna, "Wer kommt mit?")
		asked := k.onMatrix("Wer kommt mit?").ID
		anna, beat := w.Ghost(w.Anna), w.Ghost(w.Beat)

		// To Matrix, with the keys that its clients use.
		check(t, w.Anna.React(soon(t), post, "heart"))
		check(t, w.Beat.React(soon(t), post, "+1"))
		check(t, w.Anna.React(soon(t), post, "+1"))
		check(t, w.Beat.React(soon(t), post, "+1_medium_skin_tone"))
		k.reacted(asked, map[string][]id.UserID{"❤️": {anna}, "👍️": {anna, beat}, "👍🏽": {beat}})
		check(t, w.Anna.Unreact(soon(t), post, "+1"))
		check(t, w.Beat.Unreact(soon(t), post, "+1_medium_skin_tone"))
		k.reacted(asked, map[string][]id.UserID{"❤️": {anna}, "👍️": {beat}})

		// To Mattermost, where the bot stands for all.
		tada, err := w.Carla.React(soon(t), k.room, asked, "🎉")
		check(t, err)
		k.botReacts(post, "tada")
		also, err := w.Dario.React(soon(t), k.room, asked, "🎉")
		check(t, err)
		_, err = w.Dario.React(soon(t), k.room, asked, "👍️")
		check(t, err)
		k.botReacts(post, "tada", "+1")
		// Two hold the same: their names stand in the thread.
		names := k.onMattermost(fmt.Sprintf("🎉 %s, %s · 👍 %[2]s", w.Carla.Name, w.Dario.Name))
		if names.RootID != post || names.UserID != w.Bot.ID {
			t.Errorf("the names stand below %q, by %s", names.RootID, names.UserID)
		}
		check(t, w.Carla.Redact(soon(t), k.room, tada))
		k.settle()
		k.botReacts(post, "tada", "+1") // Dario's
		check(t, w.Dario.Redact(soon(t), k.room, also))
		k.botReacts(post, "+1")

		// To what a pupil wrote, too, and no further when the message goes.
		said := k.say(w.Carla, "Ich!")
		mine := k.onMattermost("Ich!").ID
		check(t, w.Beat.React(soon(t), mine, "clap"))
		k.reacted(said, map[string][]id.UserID{"👏": {beat}})
		check(t, w.Carla.Redact(soon(t), k.room, said))
		portal := k.settle()
		if portal.In.Dead+portal.Out.Dead > 0 {
			t.Errorf("dead letters: in %+v, out %+v", portal.In, portal.Out)
		}
	})
}
