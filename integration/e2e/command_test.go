package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"maunium.net/go/mautrix"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// TestLinkAndUnlink uses the command line beside the running process.
func TestLinkAndUnlink(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.post(w.Anna, "linked")
		k.onMatrix("linked")

		status, err := w.Gateway.Do(soon(t), "status")
		check(t, err)
		for _, want := range []string{"mm", "connected", k.channel.Ref, "received", "delivered", "dropped", "dead", "pending"} {
			if !strings.Contains(status, want) {
				t.Errorf("status lacks %q:\n%s", want, status)
			}
		}
		check(t, w.Gateway.Fails(soon(t), []string{"link", "mm", k.channel.Ref}, "linked already"))

		_, err = w.Gateway.Do(soon(t), "unlink", "mm", k.channel.Ref)
		check(t, err)
		check(t, world.Until(soon(t), "the right to write taken back", func(context.Context) error { return k.refused() }))
		k.post(w.Anna, "not linked")
		_, err = w.Gateway.Do(soon(t), "link", "mm", k.channel.Ref, "--mode", "both")
		check(t, err)
		check(t, world.Until(soon(t), "the right to write", func(ctx context.Context) error {
			_, err := w.Carla.Say(ctx, k.room, "linked again")
			return err
		}))
		k.onMattermost("linked again")
		k.post(w.Anna, "the same room")
		k.onMatrix("the same room")
	})
}

func TestCommandLineSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := worlds.Shared(t, world.Dendrite)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"link", "mm", w.Team + "/nosuch"}, "No such chat"},
		{[]string{"link", "mx", w.Team + "/nosuch"}, "There is no bridge mx"},
		{[]string{"link", "mm", w.Market.Ref, "--mode", "booth"}, "Choose announce"},
		{[]string{"link", "mm", w.Market.Ref, "--room", "#nosuch:" + w.Homeserver.ServerName}, "no room with this alias"},
		{[]string{"unlink", "mm", w.Team + "/nosuch"}, ""},
		{[]string{"mode", "mm", w.Further[0].Ref, "announce"}, "configuration"},
		{[]string{"deadletters", "replay", "123456"}, "123456"},
	} {
		check(t, w.Gateway.Fails(soon(t), test.args, test.want))
	}
}

// TestManagementRoom uses the same commands by writing to the bot.
func TestManagementRoom(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		ctx := soon(t)
		channel, err := w.NewChannel(ctx, channelName(t), false)
		check(t, err)
		bot, err := w.OpenManagement(ctx, w.Admin)
		check(t, err)
		ask := func(command, want string) {
			t.Helper()
			reply, err := bot.Ask(soon(t), command)
			check(t, err)
			if !strings.Contains(reply, want) {
				t.Errorf("%q: no %q in the answer:\n%s", command, want, reply)
			}
		}
		ask("help", "deadletters")
		ask("frobnicate", "help")
		ask("link mm "+channel.Ref, "is linked")
		k := &talk{t: t, w: w, channel: channel}
		k.room, err = w.Gateway.Room(soon(t), channel.Ref)
		check(t, err)
		k.join(w.Carla)
		ask("mode mm "+channel.Ref+" both", "both ways")
		check(t, world.Until(soon(t), "the right to write", func(ctx context.Context) error {
			_, err := w.Carla.Say(ctx, k.room, "both ways")
			return err
		}))
		k.onMattermost("both ways")
		ask("status", channel.Ref)
		ask("deadletters", ".") // other tests may have left some
		ask("replay 999999", "999999")

		// An edit is no command.
		_, err = w.Admin.Edit(soon(t), bot.Room, bot.Asked, "unlink mm "+channel.Ref)
		check(t, err)
		ask("status", channel.Ref)
		portal, err := w.Gateway.Portal(soon(t), channel.Ref)
		check(t, err)
		if portal.Mode != "both" {
			t.Errorf("an edited message was carried out: mode %s", portal.Mode)
		}
		ask("unlink mm "+channel.Ref, "no longer linked")
	})
}

// TestUnauthorised shows that the bot listens to nobody else, and not in company.
func TestUnauthorised(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		if _, err := w.OpenManagement(soon(t), w.Carla); !errors.Is(err, world.ErrDeclined) {
			t.Errorf("invited by a pupil: %v, want %v", err, world.ErrDeclined)
		}
		company, err := w.OpenManagement(soon(t), w.Admin)
		check(t, err)
		_, err = w.Admin.InviteUser(soon(t), company.Room, &mautrix.ReqInviteUser{UserID: w.Carla.UserID})
		check(t, err)
		_, err = w.Carla.AcceptInvite(soon(t), company.Room)
		check(t, err)
		for _, who := range []*world.Pupil{w.Carla, w.Admin} {
			_, err = who.Say(soon(t), company.Room, "unlink mm "+w.Further[0].Ref)
			check(t, err)
		}
		// Commands are carried out in order: after this answer those were read.
		alone, err := w.OpenManagement(soon(t), w.Admin)
		check(t, err)
		_, err = alone.Ask(soon(t), "status")
		check(t, err)
		messages, err := w.Carla.ReadAll(soon(t), company.Room)
		check(t, err)
		for _, m := range messages {
			if m.Sender == w.BotID() {
				t.Errorf("the bot answered in company: %q", m.Text)
			}
		}
	})
}

// TestDeadLetters follows messages that cannot cross: their sender is told, the
// operator sees them without their content, and can send them again or give them
// up.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.say(w.Carla, strings.Repeat("long ", 4000))
		k.say(w.Carla, "after the long one")
		k.onMattermost("after the long one")
		notice := k.notice(w.Carla, "too long")
		if m := notice.Event.Content.AsMessage().Mentions; m == nil || len(m.UserIDs) != 1 || m.UserIDs[0] != w.Carla.UserID {
			t.Errorf("the notice mentions %+v, want its sender", m)
		}
		list, err := w.Gateway.Do(soon(t), "deadletters", "list")
		check(t, err)
		if strings.Contains(list, "long long") || strings.Contains(list, "Carla") || !strings.Contains(list, k.channel.Ref) {
			t.Errorf("the list shows content or a name, or not the chat:\n%s", list)
		}
		number := k.deadLetter()
		_, err = w.Gateway.Do(soon(t), "deadletters", "replay", number)
		check(t, err)
		check(t, world.Until(soon(t), "the dead letter to come back", func(context.Context) error {
			if again := k.deadLetter(); again == "" || again == number {
				return fmt.Errorf("it is number %q", again)
			}
			return nil
		}))
		_, err = w.Gateway.Do(soon(t), "deadletters", "discard", k.deadLetter())
		check(t, err)
		check(t, world.Until(soon(t), "the dead letter to go", func(context.Context) error {
			if again := k.deadLetter(); again != "" {
				return fmt.Errorf("it is number %q", again)
			}
			return nil
		}))
		if portal := k.settle(); portal.Out.Dead != 0 || portal.Out.Received != portal.Out.Delivered+portal.Out.Dropped {
			t.Errorf("the account does not balance: %+v", portal.Out)
		}
	})
}

// notice waits for a notice of the bot.
func (k *talk) notice(reader *world.Pupil, text string) harness.MatrixMessage {
	k.t.Helper()
	found, err := reader.WaitFor(soon(k.t), k.room, func(m harness.MatrixMessage) bool {
		return m.Sender == k.w.BotID() && strings.Contains(m.Text, text)
	})
	check(k.t, err)
	return found
}

// deadLetter returns the number of the channel's dead letter, "" when none.
func (k *talk) deadLetter() string {
	k.t.Helper()
	out, err := k.w.Gateway.Do(soon(k.t), "deadletters", "list", "--json")
	check(k.t, err)
	var letters []struct {
		Number int64  `json:"number"`
		Ref    string `json:"ref"`
	}
	check(k.t, json.Unmarshal([]byte(out), &letters))
	for _, l := range letters {
		if l.Ref == k.channel.Ref {
			return fmt.Sprint(l.Number)
		}
	}
	return ""
}
