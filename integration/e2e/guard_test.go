package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"maunium.net/go/mautrix"

	"github.com/steg-bridge/steg/integration/world"
	"github.com/steg-bridge/steg/integration/world/transcript"
)

// TestPrivateRoomIsClosed shows that the room which Steg makes for a private
// channel lets only those in who are entitled.
func TestPrivateRoomIsClosed(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		ctx := soon(t)
		channel, err := w.NewChannel(ctx, channelName(t), true)
		check(t, err)
		_, err = w.Gateway.Do(ctx, "link", "mm", channel.Ref, "--mode", "both", "--member", w.Carla.UserID.String())
		check(t, err)
		k := &talk{t: t, w: w, channel: channel}
		k.room, err = w.Gateway.Room(ctx, channel.Ref)
		check(t, err)
		if _, err := w.Dario.Join(ctx, k.room.String()); !errors.Is(err, mautrix.MForbidden) {
			t.Errorf("a stranger joins: %v", err)
		}
		alias := "#_steg_mm_" + strings.ReplaceAll(channel.Ref, "/", ".") + ":" + w.Homeserver.ServerName
		if _, err := w.Dario.Join(ctx, alias); err == nil {
			t.Error("a stranger joins by the alias")
		}
		_, err = w.Carla.AcceptInvite(ctx, k.room)
		check(t, err)
		_, err = w.Admin.AcceptInvite(ctx, k.room)
		check(t, err)
		k.post(w.Anna, "for class 3a only")
		k.onMatrix("for class 3a only")
		if _, err := w.Carla.InviteUser(ctx, k.room, &mautrix.ReqInviteUser{UserID: w.Dario.UserID}); err == nil {
			t.Error("a pupil can invite others into the room of a private channel")
		}
	})
}

// TestGuard shows that a stranger in the room of a private channel stops
// everything until he has left.
func TestGuard(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		// The room is the admin's own, so that the admin can make this mistake.
		room, err := w.Admin.NewRoom(soon(t), "Class council", w.BotID(), w.Carla.UserID)
		check(t, err)
		_, err = w.Carla.AcceptInvite(soon(t), room)
		check(t, err)
		channel, err := w.NewChannel(soon(t), channelName(t), true)
		check(t, err)
		_, err = w.Gateway.Do(soon(t), "link", "mm", channel.Ref, "--room", room.String(), "--mode", "both", "--member", w.Carla.UserID.String())
		check(t, err)
		k := &talk{t: t, w: w, channel: channel, room: room}
		k.linked()
		k.say(w.Carla, "among ourselves")
		k.onMattermost("among ourselves")
		k.post(w.Anna, "yes")
		k.onMatrix("yes")

		_, err = w.Admin.InviteUser(soon(t), room, &mautrix.ReqInviteUser{UserID: w.Dario.UserID})
		check(t, err)
		_, err = w.Dario.AcceptInvite(soon(t), room)
		check(t, err)
		k.post(w.Anna, "not for Dario")
		k.say(w.Carla, "nor this")
		check(t, world.Until(soon(t), "the reason in status", func(ctx context.Context) error {
			portal, err := w.Gateway.Portal(ctx, channel.Ref)
			if err != nil {
				return err
			}
			if portal.In.Pending != 1 || portal.Out.Pending != 1 {
				return fmt.Errorf("pending in %d, out %d, want 1 each", portal.In.Pending, portal.Out.Pending)
			}
			if why := portal.Paused + portal.In.LastError; !strings.Contains(why, "not entitled") {
				return fmt.Errorf("status says %q", why)
			}
			return nil
		}))
		text, err := w.Gateway.Do(soon(t), "status")
		check(t, err)
		if !strings.Contains(text, "not entitled") {
			t.Errorf("status does not say why nothing crosses:\n%s", text)
		}
		lines, err := transcript.Matrix(soon(t), w.Dario.MatrixPerson, room)
		check(t, err)
		if transcript.Holds(lines, "not for Dario") {
			t.Error("the stranger has read a message")
		}

		_, err = w.Dario.LeaveRoom(soon(t), room)
		check(t, err)
		k.onMatrix("not for Dario")
		k.onMattermost("nor this")
	})
}
