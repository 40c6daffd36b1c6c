package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// puppetWorld is a world in which Matrix people have accounts on Mattermost. Its name
// is its own: accounts are known by Matrix IDs, and the worlds share a Mattermost.
func puppetWorld(t *testing.T, kind world.Kind, name string) *world.World {
	t.Helper()
	return running(t, world.Options{
		Homeserver: kind, Mattermost: worlds.Mattermost(t), Puppets: true, Database: database(kind),
		ServerName: name + "-" + string(kind) + ".test",
	})
}

// account waits until a pupil's account is in the channel, and returns it.
func (k *talk) account(who *world.Pupil) (user, name string) {
	k.t.Helper()
	check(k.t, world.Until(soon(k.t), "an account of "+who.UserID.String(), func(ctx context.Context) error {
		var named []map[string]any
		if err := k.w.Mattermost.Admin.Call(ctx, http.MethodGet, "/users?per_page=200&in_channel="+k.channel.ID, nil, &named); err != nil {
			return err
		}
		for _, u := range named {
			if u["bot_description"] == "Stands for "+who.UserID.String()+", who writes from Matrix." {
				user, name = fmt.Sprint(u["id"]), fmt.Sprint(u["username"])
				return nil
			}
		}
		return errors.New("not in the channel")
	}))
	return user, name
}

func (k *talk) inChannel(user string) func(context.Context) error {
	return func(ctx context.Context) error {
		return k.w.Mattermost.Admin.Call(ctx, http.MethodGet, "/channels/"+k.channel.ID+"/members/"+user, nil, nil)
	}
}

func TestPuppets(t *testing.T) {
	t.Parallel()
	core(t, func(t *testing.T, kind world.Kind) {
		w := puppetWorld(t, kind, "puppets")
		k := open(t, w, "both")
		// Carla can be addressed before she has said a word.
		carla, name := k.account(w.Carla)
		dario, _ := k.account(w.Dario)
		k.post(w.Anna, "Guten Morgen @"+name)
		greeted := k.onMatrixThat(func(m harness.MatrixMessage) bool { return m.Sender == w.Ghost(w.Anna) })
		if got := greeted.Event.Content.AsMessage().Mentions; got == nil || !slices.Equal(got.UserIDs, []id.UserID{w.Carla.UserID}) {
			t.Errorf("mentioned are %+v", got)
		}
		// What she says, changes, reacts with and takes back is hers.
		said := k.say(w.Carla, "Guten Morgen!")
		post := k.onMattermost("Guten Morgen!")
		if post.UserID != carla || post.Props["override_username"] != nil {
			t.Errorf("the post is by %s with %v, want %s", post.UserID, post.Props, carla)
		}
		_, err := w.Carla.Edit(soon(t), k.room, said, "Guten Morgen, Frau Arnold!")
		check(t, err)
		k.onMattermost("Guten Morgen, Frau Arnold!")
		for _, pupil := range w.Pupils() {
			_, err = pupil.React(soon(t), k.room, greeted.ID, "👍️")
			check(t, err)
		}
		check(t, world.Until(soon(t), "both react", func(ctx context.Context) error {
			all, err := w.Anna.Reactions(ctx, k.onMattermostThat(func(p harness.MattermostPost) bool { return p.UserID == w.Anna.ID }).ID)
			if err != nil {
				return err
			}
			want := []string{carla, dario}
			slices.Sort(want)
			got := slices.Sorted(slices.Values(all["+1"]))
			if !slices.Equal(got, want) {
				return fmt.Errorf("%v, want %v", got, want)
			}
			return nil
		}))
		// A file, and a kill.
		_, err = w.Carla.SendFile(soon(t), k.room, event.MsgFile, "aufsatz.txt", "text/plain", []byte("Es war einmal"))
		check(t, err)
		file := k.onMattermostThat(func(p harness.MattermostPost) bool { return len(p.FileIDs) == 1 })
		if file.UserID != carla {
			t.Errorf("the file is by %s", file.UserID)
		}
		check(t, w.Gateway.Kill())
		k.say(w.Dario, "während Steg steht")
		check(t, w.Gateway.Start(soon(t)))
		if by := k.onMattermost("während Steg steht").UserID; by != dario {
			t.Errorf("the post is by %s, want %s", by, dario)
		}
		check(t, w.Carla.Redact(soon(t), k.room, said))
		check(t, world.Until(soon(t), "the post to go", func(ctx context.Context) error {
			all, err := w.Anna.ReadAll(ctx, k.channel.ID)
			if err == nil && slices.ContainsFunc(all, func(p harness.MattermostPost) bool { return p.ID == post.ID }) {
				err = errors.New("still there")
			}
			return err
		}))

		// Who leaves the room leaves the channel; whom the teacher removes leaves the room.
		_, err = w.Dario.LeaveRoom(soon(t), k.room)
		check(t, err)
		check(t, world.Until(soon(t), "Dario's account to leave", func(ctx context.Context) error {
			if err := k.inChannel(dario)(ctx); err == nil {
				return errors.New("still there")
			}
			return nil
		}))
		check(t, w.Mattermost.RemoveFromChannel(soon(t), k.channel.ID, carla))
		check(t, world.Until(soon(t), "Carla to leave", func(ctx context.Context) error {
			rooms, err := w.Carla.JoinedRooms(ctx)
			if err == nil && slices.Contains(rooms.JoinedRooms, k.room) {
				err = errors.New("still there")
			}
			return err
		}))
		portal := k.settle()
		if portal.In.Dead+portal.Out.Dead > 0 {
			t.Errorf("dead letters: in %+v, out %+v", portal.In, portal.Out)
		}
	})
}

func TestDirectChats(t *testing.T) {
	t.Parallel()
	core(t, func(t *testing.T, kind world.Kind) {
		w := puppetWorld(t, kind, "directs")
		k := open(t, w, "both")
		carla, _ := k.account(w.Carla)
		k.account(w.Dario)
		k.post(w.Anna, "Hallo Klasse") // lets Anna be known
		k.onMatrix("Hallo Klasse")

		// The teacher begins, while Steg is down for a moment.
		channel, err := w.Anna.DirectChannel(soon(t), carla)
		check(t, err)
		check(t, w.Gateway.Kill())
		_, err = w.Anna.Post(soon(t), channel, "Kommst du nach der Stunde zu mir?")
		check(t, err)
		check(t, w.Gateway.Start(soon(t)))
		room, err := w.Carla.AcceptInvite(soon(t), "")
		check(t, err)
		d := &talk{t: t, w: w, channel: world.Channel{ID: channel, Ref: "direct/" + channel}, room: room}
		d.onMatrix("Kommst du nach der Stunde zu mir?") // from before she joined
		d.say(w.Carla, "Ja, gern")
		if by := d.onMattermost("Ja, gern").UserID; by != carla {
			t.Errorf("the answer is by %s, want %s", by, carla)
		}
		last, err := w.Anna.Post(soon(t), channel, "Bis dann")
		check(t, err)
		d.onMatrix("Bis dann")
		check(t, w.Anna.Edit(soon(t), last, "Bis gleich"))
		d.onMatrix("Bis gleich")
		d.agree()

		// The pupil begins: the ghost asks her into a room of its own.
		invite, err := w.Dario.CreateRoom(soon(t), &mautrix.ReqCreateRoom{
			Preset: "trusted_private_chat", IsDirect: true, Invite: []id.UserID{w.Ghost(w.Anna)},
		})
		check(t, err)
		room, err = w.Dario.AcceptInvite(soon(t), "")
		check(t, err)
		if room == invite.RoomID {
			t.Error("the room is the pupil's own")
		}
		_, err = w.Dario.Say(soon(t), room, "Ich habe eine Frage")
		check(t, err)
		dario, _ := k.account(w.Dario)
		channel, err = w.Anna.DirectChannel(soon(t), dario)
		check(t, err)
		_, err = w.Anna.WaitFor(soon(t), channel, func(p harness.MattermostPost) bool { return p.Message == "Ich habe eine Frage" && p.UserID == dario })
		check(t, err)

		// A stranger has never been seen in a conversation of the school: nothing crosses.
		stranger, err := w.Hire(soon(t), "stranger", "Stefan", "Stranger")
		check(t, err)
		channel, err = stranger.DirectChannel(soon(t), carla)
		check(t, err)
		_, err = stranger.Post(soon(t), channel, "psst")
		check(t, err)
		_, err = stranger.WaitFor(soon(t), channel, func(p harness.MattermostPost) bool { return p.UserID == carla })
		check(t, err)
		k.settle()
	})
}
