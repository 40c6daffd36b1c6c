package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/world"
)

// upgrade lets somebody upgrade their room, and returns the new one.
func upgrade(t *testing.T, who *world.Pupil, room id.RoomID) id.RoomID {
	t.Helper()
	var made struct {
		Room id.RoomID `json:"replacement_room"`
	}
	_, err := who.MakeRequest(soon(t), http.MethodPost, who.BuildClientURL("v3", "rooms", room, "upgrade"),
		map[string]string{"new_version": "12"}, &made)
	check(t, err)
	return made.Room
}

// movesTo waits until the portal is in a room.
func (k *talk) movesTo(room id.RoomID) {
	k.t.Helper()
	check(k.t, world.Until(soon(k.t), "the portal in the new room", func(ctx context.Context) error {
		portal, err := k.w.Gateway.Portal(ctx, k.channel.Ref)
		if err == nil && (portal.Room != room || portal.Paused != "") {
			err = fmt.Errorf("it is in %s, paused: %q", portal.Room, portal.Paused)
		}
		return err
	}))
	k.room = room
}

// linkTo links a channel of its own to a room.
func linkTo(t *testing.T, w *world.World, room id.RoomID) *talk {
	t.Helper()
	channel, err := w.NewChannel(soon(t), channelName(t), false)
	check(t, err)
	_, err = w.Gateway.Do(soon(t), "link", "mm", channel.Ref, "--room", room.String(), "--mode", "both")
	check(t, err)
	k := &talk{t: t, w: w, channel: channel, room: room}
	k.linked()
	return k
}

// TestUpgrade follows a closed room to its successor when the bot is invited there,
// and loses nothing of what was said on both sides until then.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		room, err := w.Admin.NewRoom(soon(t), "Before", w.BotID(), w.Carla.UserID)
		check(t, err)
		_, err = w.Carla.AcceptInvite(soon(t), room)
		check(t, err)
		k := linkTo(t, w, room)
		root := k.post(w.Anna, "before the upgrade")
		k.onMatrix("before the upgrade")

		next := upgrade(t, w.Admin, room)
		check(t, world.Until(soon(t), "the reason in status", func(ctx context.Context) error {
			portal, err := w.Gateway.Portal(ctx, k.channel.Ref)
			if err == nil && !strings.Contains(portal.Paused, "invite "+w.BotID().String()) {
				err = fmt.Errorf("paused: %q", portal.Paused)
			}
			return err
		}))
		k.reply(w.Anna, root, "meanwhile on Mattermost")
		_, err = w.Admin.Say(soon(t), next, "meanwhile on Matrix")
		check(t, err)
		for _, user := range []id.UserID{w.Carla.UserID, w.BotID()} {
			_, err = w.Admin.InviteUser(soon(t), next, &mautrix.ReqInviteUser{UserID: user})
			check(t, err)
		}
		_, err = w.Carla.AcceptInvite(soon(t), next)
		check(t, err)
		k.movesTo(next)
		k.onMattermost("meanwhile on Matrix")
		k.onMatrix("meanwhile on Mattermost")
		k.say(w.Carla, "after it")
		k.onMattermost("after it")
		k.reply(w.Beat, root, "one more reply")
		if got, first := k.onMatrix("one more reply"), k.onMatrix("meanwhile on Mattermost"); got.Thread != first.ID {
			t.Errorf("the thread goes on from %q in the new room, want %q", got.Thread, first.ID)
		}
		_, err = w.Admin.Say(soon(t), room, "into the old room")
		check(t, err)
		k.say(w.Carla, "the end")
		k.onMattermost("the end")
		if portal := k.settle(); portal.In.Dead+portal.Out.Dead > 0 {
			t.Errorf("dead letters: %+v", portal)
		}
		posts, err := w.Anna.ReadAll(soon(t), k.channel.ID)
		check(t, err)
		count := map[string]int{}
		for _, p := range posts {
			count[p.Message]++
		}
		for text, want := range map[string]int{"meanwhile on Matrix": 1, "after it": 1, "the end": 1, "into the old room": 0} {
			if count[text] != want {
				t.Errorf("%q is there %d times, want %d", text, count[text], want)
			}
		}
	})
}

// TestUpgradeWhileAway follows an open room that was upgraded while Steg was down.
func TestUpgradeWhileAway(t *testing.T) {
	t.Parallel()
	core(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{Homeserver: kind, Mattermost: worlds.Mattermost(t), Database: database(kind)})
		room, err := w.Admin.NewPublicRoom(soon(t), "Before", "before")
		check(t, err)
		_, err = w.Carla.Join(soon(t), room.String())
		check(t, err)
		k := linkTo(t, w, room)
		k.post(w.Anna, "before the upgrade")
		k.onMatrix("before the upgrade")

		check(t, w.Gateway.Stop(soon(t)))
		next := upgrade(t, w.Admin, room)
		_, err = w.Carla.Join(soon(t), next.String())
		check(t, err)
		_, err = w.Carla.Say(soon(t), next, "while Steg was away")
		check(t, err)
		k.post(w.Anna, "meanwhile on Mattermost")
		check(t, w.Gateway.Start(soon(t)))
		k.movesTo(next)
		k.onMattermost("while Steg was away")
		k.onMatrix("meanwhile on Mattermost")

		// Somebody who may close the room cannot send its portal anywhere.
		foreign, err := w.Admin.NewPublicRoom(soon(t), "Not its successor", "foreign")
		check(t, err)
		_, err = w.Admin.SendStateEvent(soon(t), next, event.StateTombstone, "", map[string]any{"body": "", "replacement_room": foreign})
		check(t, err)
		check(t, world.Until(soon(t), "the reason in status", func(ctx context.Context) error {
			portal, err := w.Gateway.Portal(ctx, k.channel.Ref)
			if err == nil && !strings.Contains(portal.Paused, "does not say that it follows") {
				err = fmt.Errorf("paused: %q", portal.Paused)
			}
			return err
		}))
		k.post(w.Anna, "for nobody else")
		_, err = w.Gateway.Do(soon(t), "unlink", "mm", k.channel.Ref)
		check(t, err)
		messages, err := w.Admin.ReadAll(soon(t), foreign)
		check(t, err)
		for _, m := range messages {
			t.Errorf("the foreign room has a message: %s", m.Kind)
		}
	})
}
