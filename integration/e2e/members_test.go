package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/world"
)

// TestMembers follows who joins and leaves a channel, also while Steg is down, and
// keeps out whom a moderator on Matrix has removed.
func TestMembers(t *testing.T) {
	t.Parallel()
	core(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{Homeserver: kind, Mattermost: worlds.Mattermost(t), Database: database(kind)})
		k := openAs(t, w, "class", "both")
		k.ghosts(w.Anna, w.Beat) // nobody has written
		cleo, err := w.Hire(soon(t), "cleo", "Cleo", "Curti")
		check(t, err)
		dora, err := w.Hire(soon(t), "dora", "Dora", "Disch")
		check(t, err)
		check(t, w.Mattermost.AddToChannel(soon(t), k.channel.ID, cleo.ID))
		k.ghosts(w.Anna, w.Beat, cleo)
		k.profile(w.Ghost(cleo), func(name string, _ id.ContentURI) error {
			if name != cleo.Name {
				return fmt.Errorf("name %q, want %q", name, cleo.Name)
			}
			return nil
		})
		check(t, w.Mattermost.RemoveFromChannel(soon(t), k.channel.ID, w.Beat.ID))
		k.ghosts(w.Anna, cleo)
		check(t, w.Mattermost.SetActive(soon(t), cleo.ID, false))
		k.ghosts(w.Anna)

		check(t, w.Gateway.Stop(soon(t)))
		check(t, w.Mattermost.AddToChannel(soon(t), k.channel.ID, w.Beat.ID))
		check(t, w.Mattermost.AddToChannel(soon(t), k.channel.ID, dora.ID))
		check(t, w.Mattermost.RemoveFromChannel(soon(t), k.channel.ID, w.Anna.ID))
		check(t, w.Gateway.Start(soon(t)))
		k.ghosts(w.Beat, dora)

		// Of who leaves the team no channel tells.
		check(t, w.Gateway.Stop(soon(t)))
		check(t, w.Mattermost.Admin.Call(soon(t), http.MethodDelete, "/teams/"+w.TeamID+"/members/"+dora.ID, nil, nil))
		check(t, w.Gateway.Start(soon(t)))
		k.ghosts(w.Beat)

		// No join or leave crosses as a text.
		if messages, err := w.Carla.ReadAll(soon(t), k.room); err != nil || len(messages) > 0 {
			t.Errorf("%d messages, error %v; want none: nobody has written", len(messages), err)
		}
	})
}

// TestModeratorRemovesGhost lets a moderator of an own room remove a teacher's
// ghost: it stays out until that teacher writes.
func TestModeratorRemovesGhost(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		room, err := w.Admin.NewRoom(soon(t), "Staff room", w.BotID(), w.Carla.UserID)
		check(t, err)
		_, err = w.Carla.AcceptInvite(soon(t), room)
		check(t, err)
		channel, err := w.NewChannel(soon(t), channelName(t), false)
		check(t, err)
		_, err = w.Gateway.Do(soon(t), "link", "mm", channel.Ref, "--room", room.String(), "--mode", "both")
		check(t, err)
		k := &talk{t: t, w: w, channel: channel, room: room}
		k.linked()
		k.ghosts(w.Anna, w.Beat) // invited by the bot, which may
		_, err = w.Admin.KickUser(soon(t), room, &mautrix.ReqKickUser{UserID: w.Ghost(w.Beat)})
		check(t, err)
		k.ghosts(w.Anna)
		frida, err := w.Hire(soon(t), channelName(t)[:16], "Frida", "Furrer")
		check(t, err)
		check(t, w.Mattermost.AddToChannel(soon(t), channel.ID, frida.ID))
		k.ghosts(w.Anna, frida) // the room was compared, and Beat is still out
		k.post(w.Beat, "may I?")
		k.onMatrix("may I?")
		k.ghosts(w.Anna, w.Beat, frida)
	})
}

// ghosts waits until just these teachers' ghosts are in the room.
func (k *talk) ghosts(want ...*world.Teacher) {
	k.t.Helper()
	var ids []id.UserID
	for _, teacher := range want {
		ids = append(ids, k.w.Ghost(teacher))
	}
	slices.Sort(ids)
	// Who has made the channel is in it, too.
	admin := k.w.Ghost(&world.Teacher{MattermostPerson: k.w.Mattermost.Admin})
	check(k.t, world.Until(soon(k.t), "the right ghosts in the room", func(ctx context.Context) error {
		members, err := k.w.Carla.JoinedMembers(ctx, k.room)
		if err != nil {
			return err
		}
		var got []id.UserID
		for user := range members.Joined {
			if strings.HasPrefix(user.Localpart(), "_steg_mm_") && user != admin {
				got = append(got, user)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, ids) {
			return fmt.Errorf("in the room are %v, want %v", got, ids)
		}
		return nil
	}))
}
