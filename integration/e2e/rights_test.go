package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// TestBotIsPutOut takes Steg's account out of a channel and back again. Nothing of
// what pupils write meanwhile is lost.
func TestBotIsPutOut(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k, other := open(t, w, "both"), openAs(t, w, channelName(t)+"-other", "both")
		k.post(w.Anna, "before")
		k.onMatrix("before")
		check(t, w.Mattermost.RemoveFromChannel(soon(t), k.channel.ID, w.Bot.ID))
		k.paused("not in the channel")
		k.say(w.Carla, "meanwhile")
		other.say(w.Carla, "elsewhere")
		other.onMattermost("elsewhere")
		check(t, w.Mattermost.AddToChannel(soon(t), k.channel.ID, w.Bot.ID))
		k.onMattermost("meanwhile")
		k.post(w.Anna, "after")
		k.onMatrix("after")
		k.agree()
	})
}

// openInTeam makes a team with a channel in it that is joined to a room.
func openInTeam(t *testing.T, w *world.World, name string) (k *talk, team string) {
	t.Helper()
	team, err := w.Mattermost.EnsureTeam(soon(t), name)
	check(t, err)
	for _, who := range []string{w.Bot.ID, w.Anna.ID} {
		check(t, w.Mattermost.AddToTeam(soon(t), team, who))
	}
	channel, err := w.Mattermost.EnsureChannel(soon(t), team, "talk", false)
	check(t, err)
	check(t, w.Mattermost.AddToChannel(soon(t), channel, w.Anna.ID))
	k = &talk{t: t, w: w, channel: world.Channel{ID: channel, Ref: name + "/talk"}}
	_, err = w.Gateway.Do(soon(t), "link", "mm", k.channel.Ref, "--mode", "both")
	check(t, err)
	k.room, err = w.Gateway.Room(soon(t), k.channel.Ref)
	check(t, err)
	k.join(w.Pupils()...)
	return k, team
}

// paused waits until status says why nothing crosses.
func (k *talk) paused(why string) {
	k.t.Helper()
	check(k.t, world.Until(soon(k.t), "the trouble in status", func(ctx context.Context) error {
		portal, err := k.w.Gateway.Portal(ctx, k.channel.Ref)
		if err == nil && !strings.Contains(portal.Paused, why) {
			err = fmt.Errorf("paused: %q", portal.Paused)
		}
		return err
	}))
}

// TestBotIsPutOutOfTeam takes Steg's account out of a whole team. Other teams go on,
// and what was written meanwhile arrives when it is back.
func TestBotIsPutOutOfTeam(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		other := open(t, w, "both")
		k, team := openInTeam(t, w, w.Team+"-out")
		k.post(w.Anna, "before")
		k.onMatrix("before")
		check(t, w.Mattermost.Admin.Call(soon(t), http.MethodDelete, "/teams/"+team+"/members/"+w.Bot.ID, nil, nil))
		k.paused("not in the channel")
		k.say(w.Carla, "meanwhile")
		k.post(w.Anna, "meanwhile, too")
		other.say(w.Carla, "elsewhere")
		other.onMattermost("elsewhere")
		other.post(w.Anna, "elsewhere, too")
		other.onMatrix("elsewhere, too")
		check(t, w.Mattermost.AddToTeam(soon(t), team, w.Bot.ID))
		check(t, w.Mattermost.AddToChannel(soon(t), k.channel.ID, w.Bot.ID))
		k.onMattermost("meanwhile")
		k.onMatrix("meanwhile, too")
		k.settle()
	})
}

// TestArchivedChannel archives a channel and restores it. Nothing of what pupils
// write meanwhile is lost.
func TestArchivedChannel(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k, other := open(t, w, "both"), openAs(t, w, channelName(t)+"-other", "both")
		k.post(w.Anna, "before")
		k.onMatrix("before")
		check(t, w.Mattermost.Admin.Call(soon(t), http.MethodDelete, "/channels/"+k.channel.ID, nil, nil))
		k.paused("archived")
		k.say(w.Carla, "meanwhile")
		other.say(w.Carla, "elsewhere")
		other.onMattermost("elsewhere")
		other.post(w.Anna, "elsewhere, too")
		other.onMatrix("elsewhere, too")
		check(t, w.Mattermost.Admin.Call(soon(t), http.MethodPost, "/channels/"+k.channel.ID+"/restore", nil, nil))
		k.onMattermost("meanwhile")
		k.post(w.Anna, "after")
		k.onMatrix("after")
		k.settle()
	})
}

// TestRoomWithoutRights links a room in which the bot may not invite: what teachers
// write cannot get in. They are told, and when the bot may, it is sent again.
func TestRoomWithoutRights(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		room, err := w.Admin.CreateRoom(soon(t), &mautrix.ReqCreateRoom{
			Preset: "private_chat", Invite: []id.UserID{w.BotID(), w.Carla.UserID},
		})
		check(t, err)
		_, err = w.Carla.AcceptInvite(soon(t), room.RoomID)
		check(t, err)
		channel, err := w.NewChannel(soon(t), channelName(t), false)
		check(t, err)
		setInviteLevel(t, w, room.RoomID, 100)
		_, err = w.Gateway.Do(soon(t), "link", "mm", channel.Ref, "--room", room.RoomID.String(), "--mode", "both")
		check(t, err)
		k := &talk{t: t, w: w, channel: channel, room: room.RoomID}
		k.linked()
		k.say(w.Carla, "out is possible")
		k.onMattermost("out is possible")
		k.post(w.Anna, "in is not")
		k.onMattermostThat(func(p harness.MattermostPost) bool {
			return p.UserID == w.Bot.ID && strings.Contains(p.Message, "did not reach")
		})
		letter := k.deadLetter()
		setInviteLevel(t, w, room.RoomID, 0)
		_, err = w.Gateway.Do(soon(t), "deadletters", "replay", letter)
		check(t, err)
		k.onMatrix("in is not")
	})
}

// setInviteLevel changes who may invite into a room of the admin.
func setInviteLevel(t *testing.T, w *world.World, room id.RoomID, level int) {
	t.Helper()
	var levels event.PowerLevelsEventContent
	check(t, w.Admin.StateEvent(soon(t), room, event.StatePowerLevels, "", &levels))
	levels.InvitePtr = &level
	_, err := w.Admin.SendStateEvent(soon(t), room, event.StatePowerLevels, "", &levels)
	check(t, err)
}

// TestTokenIsTakenAway deactivates Steg's account on Mattermost while messages
// flow.
func TestTokenIsTakenAway(t *testing.T) {
	t.Parallel()
	full(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{Homeserver: kind, Mattermost: worlds.Mattermost(t)})
		k := openAs(t, w, "talk", "both")
		check(t, w.Mattermost.SetActive(soon(t), w.Bot.ID, false))
		check(t, world.Until(soon(t), "the trouble in status", func(ctx context.Context) error {
			status, err := w.Gateway.Status(ctx)
			if err != nil {
				return err
			}
			if b := status.Bridges[0]; b.State != "logged-out" || !strings.Contains(b.Cause, "access token") {
				return fmt.Errorf("state %q: %s", b.State, b.Cause)
			}
			return nil
		}))
		k.say(w.Carla, "waits")
		k.post(w.Anna, "waits, too")
		check(t, w.Mattermost.SetActive(soon(t), w.Bot.ID, true))
		// What an operator does after mending it; otherwise it is looked at again
		// after two minutes.
		check(t, w.Gateway.Stop(soon(t)))
		check(t, w.Gateway.Start(soon(t)))
		k.onMattermost("waits")
		k.onMatrix("waits, too")
		check(t, w.Gateway.Settled(soon(t)))
	})
}

// TestClashingNamespaces registers another application service that claims Steg's
// users. Whatever the homeserver makes of it, somebody says what is wrong.
func TestClashingNamespaces(t *testing.T) {
	t.Parallel()
	full(t, func(t *testing.T, kind world.Kind) {
		w := worlds.Own(t, world.Options{Homeserver: kind, Mattermost: worlds.Mattermost(t)})
		other := filepath.Join(w.Dir, "other.yaml")
		check(t, os.WriteFile(other, []byte(`id: other
url: null
as_token: another-as-token
hs_token: another-hs-token
sender_localpart: other
rate_limited: false
namespaces:
  users: [{exclusive: true, regex: '@steg:.*'}, {exclusive: true, regex: '@_steg_.*'}]
  aliases: [{exclusive: true, regex: '#_steg_.*'}]
  rooms: []
`), 0o600))
		check(t, w.Homeserver.Stop(soon(t)))
		w.Homeserver.SetRegistrations(other, w.Gateway.Registration())
		if err := w.Homeserver.Start(soon(t)); err != nil {
			t.Logf("the homeserver refuses to start: %v", err)
			return
		}
		answer, err := w.Gateway.Command(soon(t), "check")
		check(t, err)
		if answer.Code == 0 || !strings.Contains(answer.Text(), "remove the other registration") {
			t.Errorf("exit code %d:\n%s", answer.Code, answer.Text())
		}
	})
}
