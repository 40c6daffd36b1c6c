package e2e_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/integration/world"
)

// TestAnnounce shows that the default mode is kept by the homeserver itself, that
// clients can see it, and that both ways is one command away while Steg runs.
func TestAnnounce(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "announce")
		k.post(w.Anna, "school is closed on Friday")
		k.onMatrix("school is closed on Friday")
		if err := k.refused(); err != nil {
			t.Fatal(err)
		}
		var levels event.PowerLevelsEventContent
		check(t, w.Carla.StateEvent(soon(t), k.room, event.StatePowerLevels, "", &levels))
		if mine, needed := levels.GetUserLevel(w.Carla.UserID), levels.GetEventLevel(event.EventMessage); mine >= needed {
			t.Errorf("a client shows a text field: level %d, needed %d", mine, needed)
		}

		k.mode("both")
		check(t, world.Until(soon(t), "the right to write", func(ctx context.Context) error {
			_, err := w.Carla.Say(ctx, k.room, "thank you")
			return err
		}))
		k.onMattermost("thank you")
		k.mode("announce")
		check(t, world.Until(soon(t), "the right to write taken back", func(context.Context) error { return k.refused() }))
		k.post(w.Beat, "and on Monday")
		k.onMatrix("and on Monday")
	})
}

// TestOff shows that what was written while a portal was off does not come over
// later.
func TestOff(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.post(w.Anna, "before")
		k.onMatrix("before")
		k.mode("off")
		check(t, world.Until(soon(t), "the right to write taken back", func(context.Context) error { return k.refused() }))
		k.post(w.Anna, "not meant for Matrix")
		k.mode("both")
		check(t, world.Until(soon(t), "the right to write", func(ctx context.Context) error {
			_, err := w.Carla.Say(ctx, k.room, "again")
			return err
		}))
		k.onMattermost("again")
		k.post(w.Anna, "after")
		k.onMatrix("after")
		messages, err := w.Carla.ReadAll(soon(t), k.room)
		check(t, err)
		for _, m := range messages {
			if strings.Contains(m.Text, "not meant") {
				t.Error("a message of the time when the portal was off has crossed")
			}
		}
	})
}

func TestInbox(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k := open(t, w, "inbox")
		k.post(w.Anna, "among teachers")
		k.say(w.Carla, "a question for the teachers")
		k.onMattermost("a question for the teachers")
		portal := k.settle()
		if portal.In.Dropped != 1 || portal.In.Delivered != 0 {
			t.Errorf("in: %+v, want one dropped by the mode", portal.In)
		}
	})
}

// mode changes the mode at the command line.
func (k *talk) mode(mode string) {
	k.t.Helper()
	_, err := k.w.Gateway.Do(soon(k.t), "mode", "mm", k.channel.Ref, mode)
	check(k.t, err)
}

// refused returns nil when the homeserver refuses what a pupil writes.
func (k *talk) refused() error {
	_, err := k.w.Carla.Say(soon(k.t), k.room, "may I?")
	if err == nil {
		return errors.New("the homeserver took a pupil's message")
	}
	if !errors.Is(err, mautrix.MForbidden) {
		return err
	}
	return nil
}
