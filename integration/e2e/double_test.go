package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// chat is a direct room with Steg's bot.
type chat struct {
	t testing.TB
	*world.Management
}

// openChat lets somebody begin to write to the bot.
func openChat(t testing.TB, w *world.World, who *world.Pupil) chat {
	t.Helper()
	m, err := w.OpenManagement(soon(t), who)
	check(t, err)
	return chat{t, m}
}

// asks sends a command and wants an answer with some words in it.
func (c chat) asks(command, want string) string {
	c.t.Helper()
	answer, err := c.Ask(soon(c.t), command)
	check(c.t, err)
	if !strings.Contains(answer, want) {
		c.t.Fatalf("%q: no %q in the answer:\n%s", command, want, answer)
	}
	return answer
}

// ownAccount gives a teacher an account on Matrix that is in a room.
func (k *talk) ownAccount(name string) *world.Pupil {
	k.t.Helper()
	own, err := k.w.NewPupil(soon(k.t), strings.ToLower(name), name+" herself")
	check(k.t, err)
	k.join(own)
	return own
}

// waiting returns the number of the link that waits for approval.
func waiting(t testing.TB, list string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^(\d+): .*WAITS FOR YOU`).FindStringSubmatch(list)
	if found == nil {
		t.Fatalf("nothing waits in:\n%s", list)
	}
	return found[1]
}

// by waits for a message of a certain sender.
func (k *talk) by(sender id.UserID, text string) harness.MatrixMessage {
	k.t.Helper()
	m := k.onMatrix(text)
	if m.Sender != sender {
		k.t.Fatalf("%q is by %s, want %s", text, m.Sender, sender)
	}
	return m
}

// relayed counts what Steg wrote into the channel.
func (k *talk) relayed() []string {
	k.t.Helper()
	posts, err := k.w.Anna.ReadAll(soon(k.t), k.channel.ID)
	check(k.t, err)
	var out []string
	for _, p := range posts {
		if p.UserID == k.w.Bot.ID {
			out = append(out, p.Message)
		}
	}
	return out
}

// withGhost waits until a teacher's ghost is in the room, or is not.
func (k *talk) withGhost(ghost id.UserID, want bool) {
	k.t.Helper()
	check(k.t, world.Until(soon(k.t), fmt.Sprintf("ghost in the room: %v", want), func(ctx context.Context) error {
		members, err := k.w.Carla.Members(ctx, k.room)
		if _, in := members[ghost]; err == nil && in != want {
			err = errors.New("not yet")
		}
		return err
	}))
}

// TestDoublePuppet links a teacher's two accounts, and lets her write.
func TestDoublePuppet(t *testing.T) {
	t.Parallel()
	core(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{Homeserver: kind, Mattermost: worlds.Mattermost(t), DoublePuppets: true, Database: database(kind)})
		answer, err := w.Gateway.Command(soon(t), "check")
		check(t, err)
		for _, want := range []string{"double puppets: the registration fits", "homeserver knows the token for double puppets"} {
			if !strings.Contains(answer.Text(), want) {
				t.Errorf("check does not say %q:\n%s", want, answer.Text())
			}
		}
		k := openAs(t, w, "talk", "both")
		ghost := w.Ghost(w.Anna)
		first := k.post(w.Anna, "not linked yet")
		k.by(ghost, "not linked yet")
		own := k.ownAccount("Anna")
		office := openChat(t, w, w.Admin)
		office.asks("identities", "none wait")
		openChat(t, w, own).asks("identity", "None of your accounts")
		proved, err := w.Prove(soon(t), w.Anna, own)
		check(t, err)
		bot := chat{t, proved}
		k.post(w.Anna, "not approved yet")
		k.by(ghost, "not approved yet")
		_, err = w.Admin.WaitFor(soon(t), office.Room, func(m harness.MatrixMessage) bool {
			return m.Sender == w.BotID() && strings.Contains(m.Text, string(own.UserID)+" has proved an account on Mattermost")
		})
		check(t, err)
		bot.asks("identity approve 1", "administrators of a school")
		number := waiting(t, office.asks("identities", "anna-"+w.Team+" (shown as Anna Arnold)"))
		office.asks("identity approve "+number, "holds now")
		_, err = own.WaitFor(soon(t), bot.Room, func(m harness.MatrixMessage) bool {
			return m.Sender == w.BotID() && strings.Contains(m.Text, "now appears as your own account")
		})
		check(t, err)
		k.withGhost(ghost, false)

		// Everything that she does appears as she does it.
		post := k.post(w.Anna, "as herself")
		mine := k.by(own.UserID, "as herself")
		check(t, w.Anna.Edit(soon(t), post, "as herself, edited"))
		k.by(own.UserID, "as herself, edited")
		k.reply(w.Anna, first, "a reply")
		k.by(own.UserID, "a reply")
		said := k.say(w.Carla, "what a day")
		answerTo := k.onMattermost("what a day")
		check(t, w.Anna.React(soon(t), answerTo.ID, "tada"))
		k.reactedBy(said, own.UserID, true)
		check(t, w.Anna.Unreact(soon(t), answerTo.ID, "tada"))
		k.reactedBy(said, own.UserID, false)
		cat := catPicture(t)
		_, err = w.Anna.SendFile(soon(t), k.channel.ID, "our cat", "cat.png", cat)
		check(t, err)
		k.fileOnMatrix("our cat", event.MsgImage, cat)
		k.by(own.UserID, "our cat")

		// A webhook of hers is a program.
		_, err = w.Anna.CreatePost(soon(t), &harness.MattermostPost{
			ChannelID: k.channel.ID, Message: "it burns", Props: map[string]any{"from_webhook": "true", "override_username": "Alarm"},
		})
		check(t, err)
		if m := k.onMatrixThat(func(m harness.MatrixMessage) bool { return strings.HasSuffix(m.Latest(), "it burns") }); m.Sender != ghost {
			t.Errorf("a webhook speaks as %s", m.Sender)
		}

		// Her program forwards what she wrote, with everything in it; that is news.
		events, err := own.Events(soon(t), k.room)
		check(t, err)
		for _, ev := range events {
			if ev.ID == mine.ID {
				_, err = own.SendMessageEvent(soon(t), k.room, event.EventMessage, ev.Content.Raw)
				check(t, err)
			}
		}
		k.onMattermostThat(func(p harness.MattermostPost) bool {
			return p.Message == "as herself" && p.Props["override_username"] == "Anna herself"
		})
		check(t, w.Anna.Delete(soon(t), post))
		k.onMatrixThat(func(m harness.MatrixMessage) bool { return m.ID == mine.ID && m.Redacted })

		// Somebody mentions her on Matrix; it reaches her on Mattermost.
		_, err = w.Carla.SayHTML(soon(t), k.room, "hello Anna herself", `hello <a href="https://matrix.to/#/`+string(own.UserID)+`">Anna herself</a>`)
		check(t, err)
		k.onMattermost("hello @anna-" + w.Team)

		// Withdrawn: the ghost is back.
		_, err = w.Gateway.Do(soon(t), "identity", "remove", number)
		check(t, err)
		asked := 0
		check(t, world.Until(soon(t), "the ghost to speak again", func(ctx context.Context) error {
			asked++
			text := fmt.Sprintf("who am I, %d?", asked)
			if _, err := w.Anna.Post(ctx, k.channel.ID, text); err != nil {
				return err
			}
			m, err := w.Carla.WaitFor(ctx, k.room, func(m harness.MatrixMessage) bool { return m.Latest() == text })
			if err == nil && m.Sender != ghost {
				err = errors.New("not yet")
			}
			return err
		}))
		if portal := k.settle(); portal.In.Dead+portal.Out.Dead > 0 {
			t.Errorf("dead letters: in %+v, out %+v", portal.In, portal.Out)
		}
		if got, want := strings.Join(k.relayed(), " | "), "what a day | as herself | hello @anna-"+w.Team; got != want {
			t.Errorf("Steg wrote on Mattermost: %s\nwant: %s", got, want)
		}

		// Whose account is closed on Mattermost is nobody's any more.
		check(t, w.Pair(soon(t), w.Beat, w.Dario))
		k.withGhost(w.Ghost(w.Beat), false)
		k.post(w.Beat, "about to leave")
		k.by(w.Dario.UserID, "about to leave")
		check(t, w.Mattermost.Admin.Call(soon(t), http.MethodDelete, "/users/"+w.Beat.ID, nil, nil))
		check(t, world.Until(soon(t), "the end of the link", func(ctx context.Context) error {
			list, err := w.Gateway.Do(ctx, "identity", "list")
			if err == nil && strings.Contains(list, string(w.Dario.UserID)) {
				err = errors.New("not yet")
			}
			return err
		}))
		log, err := os.ReadFile(w.Gateway.LogPath())
		check(t, err)
		for _, secret := range []string{"anna", "Anna", "as herself"} {
			if strings.Contains(string(log), secret) {
				t.Errorf("the log holds %q", secret)
			}
		}
	})
}

// reactedBy waits until an event has, or has not, a reaction of somebody.
func (k *talk) reactedBy(target id.EventID, who id.UserID, want bool) {
	k.t.Helper()
	check(k.t, world.Until(soon(k.t), fmt.Sprintf("a reaction of %s: %v", who, want), func(ctx context.Context) error {
		events, err := k.w.Carla.Events(ctx, k.room)
		if err != nil {
			return err
		}
		has := false
		for _, ev := range events {
			if rel := ev.Content.AsReaction().GetRelatesTo(); ev.Type == event.EventReaction && ev.Unsigned.RedactedBecause == nil &&
				ev.Sender == who && rel.EventID == target {
				has = true
			}
		}
		if has != want {
			return errors.New("not yet")
		}
		return nil
	}))
}

// TestKilledWhileWritingAsPerson kills Steg when the homeserver has an event that it
// does not know of yet, again and again: it neither comes twice nor goes back.
func TestKilledWhileWritingAsPerson(t *testing.T) {
	t.Parallel()
	core(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{
			Homeserver: kind, Mattermost: worlds.Mattermost(t), DoublePuppets: true, Database: database(kind), Proxied: true,
		})
		k := openAs(t, w, "talk", "both")
		own := k.ownAccount("Anna")
		check(t, w.Pair(soon(t), w.Anna, own))
		k.withGhost(w.Ghost(w.Anna), false)
		var want []string
		for round := range 3 {
			text := func(what string) string { return fmt.Sprintf("round %d: %s", round, what) }
			want = append(want, text("before"), text("unclear"), text("behind it"))
			k.post(w.Anna, text("before"))
			k.by(own.UserID, text("before"))
			w.Wires.ToHomeserver.LoseAnswers(true)
			k.post(w.Anna, text("unclear"))
			k.by(own.UserID, text("unclear"))
			check(t, w.Gateway.Kill())
			w.Wires.ToHomeserver.LoseAnswers(false)
			k.post(w.Anna, text("behind it"))
			check(t, w.Gateway.Start(soon(t)))
			k.by(own.UserID, text("behind it"))
		}
		k.say(w.Carla, "the end")
		k.onMattermost("the end")
		check(t, w.Gateway.Settled(soon(t)))
		messages, err := w.Carla.ReadAll(soon(t), k.room)
		check(t, err)
		var got []string
		for _, m := range messages {
			if m.Sender == own.UserID {
				got = append(got, m.Latest())
			} else if m.Sender != w.Carla.UserID {
				t.Errorf("%q is by %s", m.Latest(), m.Sender)
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("on Matrix:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if got := k.relayed(); len(got) != 1 {
			t.Errorf("Steg wrote on Mattermost: %q, want the end only", got)
		}
	})
}
