package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/world"
	"github.com/steg-bridge/steg/integration/world/transcript"
)

// running returns a world of this test's own in which Steg runs.
func running(t *testing.T, options world.Options) *world.World {
	t.Helper()
	w := worlds.Own(t, options)
	check(t, w.Gateway.Start(soon(t)))
	check(t, w.Gateway.Connected(soon(t)))
	return w
}

// database gives each homeserver another database under Steg, so that both are
// tested.
func database(kind world.Kind) world.Database {
	if kind == world.Synapse {
		return world.PostgreSQL
	}
	return world.SQLite
}

// TestStegIsDown lets both sides go on while Steg is down: after a kill, and after
// a stop. Nothing is missing afterwards, doubled or in another order.
func TestStegIsDown(t *testing.T) {
	t.Parallel()
	core(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{Homeserver: kind, Mattermost: worlds.Mattermost(t), Database: database(kind)})
		// One side writes in each, so that there is one right order.
		a, b := openAs(t, w, "teachers-write", "both"), openAs(t, w, "pupils-write", "both")
		for round, stop := range []func() error{w.Gateway.Kill, func() error { return w.Gateway.Stop(soon(t)) }} {
			text := func(format string, args ...any) string {
				return fmt.Sprintf("round %d: ", round+1) + fmt.Sprintf(format, args...)
			}
			posts := []string{a.post(w.Anna, text("stays")), a.post(w.Anna, text("to be edited")), a.post(w.Beat, text("to be deleted"))}
			a.reply(w.Beat, posts[2], text("goes along"))
			said := []id.EventID{b.say(w.Carla, text("stays")), b.say(w.Carla, text("to be edited")), b.say(w.Dario, text("to be deleted"))}
			a.onMatrix(text("goes along"))
			b.onMattermost(text("to be deleted"))

			check(t, stop())
			check(t, w.Anna.Edit(soon(t), posts[1], text("edited while it was down")))
			check(t, w.Beat.Delete(soon(t), posts[2]))
			_, err := w.Carla.Edit(soon(t), b.room, said[1], text("edited while it was down"))
			check(t, err)
			check(t, w.Dario.Redact(soon(t), b.room, said[2]))
			for i := range 5 {
				a.post(w.Anna, text("missed post %d", i))
				b.say(w.Carla, text("missed message %d", i))
			}
			a.reply(w.Beat, posts[0], text("missed reply"))
			b.answer(w.Dario, said[0], text("missed answer"))
			short := a.post(w.Anna, text("never seen"))
			check(t, w.Anna.Delete(soon(t), short))
			check(t, w.Dario.Redact(soon(t), b.room, b.say(w.Dario, text("never seen"))))
			twice := a.post(w.Anna, text("first wersion"))
			check(t, w.Anna.Edit(soon(t), twice, text("second version")))

			check(t, w.Gateway.Start(soon(t)))
			a.agreeOnText()
			b.agree()
		}
		check(t, w.Gateway.Settled(soon(t)))
		lines, err := transcript.Mattermost(soon(t), w.Mattermost.Admin, b.channel.ID)
		check(t, err)
		if transcript.Holds(lines, "never seen") {
			t.Error("a message that was deleted while Steg was down has crossed and stayed")
		}
	})
}

// TestMattermostIsDown lets pupils go on while Mattermost is away.
func TestMattermostIsDown(t *testing.T) {
	t.Parallel()
	full(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{Homeserver: kind}) // with a Mattermost of its own
		k := openAs(t, w, "talk", "both")
		kept, edited, gone := k.say(w.Carla, "kept"), k.say(w.Carla, "to be edited"), k.say(w.Dario, "to be deleted")
		k.onMattermost("to be deleted")
		for round, stop := range []func() error{w.Mattermost.Kill, func() error { return w.Mattermost.Proc.Stop(soon(t)) }} {
			check(t, stop())
			for i := range 5 {
				k.say(w.Carla, fmt.Sprintf("round %d: message %d", round, i))
			}
			if round == 0 {
				k.answer(w.Dario, kept, "an answer")
				_, err := w.Carla.Edit(soon(t), k.room, edited, "edited meanwhile")
				check(t, err)
				check(t, w.Dario.Redact(soon(t), k.room, gone))
			}
			check(t, world.Until(soon(t), "the trouble in status", func(ctx context.Context) error {
				portal, err := w.Gateway.Portal(ctx, k.channel.Ref)
				if err == nil && (portal.Out.Pending == 0 || portal.Out.LastError == "") {
					err = fmt.Errorf("pending %d, last error %q", portal.Out.Pending, portal.Out.LastError)
				}
				return err
			}))
			// Steg itself is fine.
			_, err := w.Gateway.Do(soon(t), "health")
			check(t, err)
			check(t, w.Mattermost.Start(soon(t)))
			k.agree()
			k.post(w.Anna, fmt.Sprintf("round %d: back again", round))
			k.onMatrix(fmt.Sprintf("round %d: back again", round))
		}
		check(t, w.Gateway.Settled(soon(t)))
	})
}

// TestHomeserverIsDown lets teachers go on while the homeserver is away.
func TestHomeserverIsDown(t *testing.T) {
	t.Parallel()
	full(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{Homeserver: kind, Mattermost: worlds.Mattermost(t)})
		k := openAs(t, w, "talk", "both")
		edited, gone := k.post(w.Anna, "to be edited"), k.post(w.Anna, "to be deleted")
		k.onMatrix("to be deleted")
		check(t, w.Homeserver.Kill())
		for i := range 5 {
			k.post(w.Beat, fmt.Sprintf("message %d", i))
		}
		check(t, w.Anna.Edit(soon(t), edited, "edited meanwhile"))
		check(t, w.Anna.Delete(soon(t), gone))
		check(t, w.Homeserver.Start(soon(t)))
		k.agree()
		k.say(w.Carla, "back again")
		k.onMattermost("back again")
		check(t, w.Gateway.Settled(soon(t)))
	})
}

// TestFrozenSteg shows that a process which did not run for a while goes on where
// it was.
func TestFrozenSteg(t *testing.T) {
	t.Parallel()
	full(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{Homeserver: kind, Mattermost: worlds.Mattermost(t), Database: world.PostgreSQL})
		k := openAs(t, w, "talk", "both")
		k.post(w.Anna, "before")
		k.onMatrix("before")
		check(t, w.Gateway.Freeze())
		k.post(w.Anna, "meanwhile")
		check(t, w.Gateway.Thaw())
		k.onMatrix("meanwhile")
		k.say(w.Carla, "after")
		k.onMattermost("after")
		k.agree()
	})
}

// agreeOnText is agree for channels in which a message was edited while it had
// not crossed yet: it then arrives as it is, without the mark of an edit.
func (k *talk) agreeOnText() {
	k.t.Helper()
	check(k.t, world.Until(soon(k.t), "both sides to agree", func(ctx context.Context) error {
		mattermost, err := transcript.Mattermost(ctx, k.w.Mattermost.Admin, k.channel.ID)
		if err != nil {
			return err
		}
		matrix, err := transcript.Matrix(ctx, k.w.Carla.MatrixPerson, k.room)
		if err != nil {
			return err
		}
		for _, lines := range [][]transcript.Line{mattermost, matrix} {
			for i := range lines {
				if strings.HasSuffix(lines[i].Text, "second version") {
					lines[i].Edited = false
				}
			}
		}
		return compare(mattermost, matrix)
	}))
}
