package e2e_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/command"
	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
	"github.com/steg-bridge/steg/integration/world/transcript"
)

// talk is a channel joined to a room.
type talk struct {
	t       testing.TB
	w       *world.World
	channel world.Channel
	room    id.RoomID
}

// open makes a channel for this test, links it at the command line and lets both
// pupils join.
func open(t *testing.T, w *world.World, mode string) *talk {
	t.Helper()
	return openAs(t, w, channelName(t), mode)
}

// channelName makes a channel's name of a test's.
func channelName(t testing.TB) string {
	name := strings.ToLower(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(strings.TrimPrefix(t.Name(), "Test"), "-"))
	return name[:min(len(name), 50)]
}

// openAs is open with a name for the channel.
func openAs(t *testing.T, w *world.World, name, mode string) *talk {
	t.Helper()
	ctx := soon(t)
	channel, err := w.NewChannel(ctx, name, false)
	check(t, err)
	_, err = w.Gateway.Do(ctx, "link", "mm", channel.Ref, "--mode", mode)
	check(t, err)
	k := &talk{t: t, w: w, channel: channel}
	k.room, err = w.Gateway.Room(ctx, channel.Ref)
	check(t, err)
	k.join(w.Pupils()...)
	return k
}

// linked waits until Steg follows a channel that was linked to an existing room.
func (k *talk) linked() {
	k.t.Helper()
	check(k.t, world.Until(soon(k.t), k.channel.Ref+" to be followed", func(ctx context.Context) error {
		portal, err := k.w.Gateway.Portal(ctx, k.channel.Ref)
		if err == nil && !portal.Follows {
			err = errors.New("not yet")
		}
		return err
	}))
}

// join lets pupils into the room.
func (k *talk) join(pupils ...*world.Pupil) {
	k.t.Helper()
	for _, pupil := range pupils {
		_, err := pupil.Join(soon(k.t), k.room.String())
		check(k.t, err)
	}
}

// post writes on Mattermost and returns the post's ID.
func (k *talk) post(who *world.Teacher, text string) string {
	k.t.Helper()
	post, err := who.Post(soon(k.t), k.channel.ID, text)
	check(k.t, err)
	return post
}

// reply answers a post on Mattermost.
func (k *talk) reply(who *world.Teacher, post, text string) string {
	k.t.Helper()
	answer, err := who.Reply(soon(k.t), post, text)
	check(k.t, err)
	return answer
}

// say writes on Matrix and returns the event's ID.
func (k *talk) say(who *world.Pupil, text string) id.EventID {
	k.t.Helper()
	said, err := who.Say(soon(k.t), k.room, text)
	check(k.t, err)
	return said
}

// answer replies to an event on Matrix.
func (k *talk) answer(who *world.Pupil, to id.EventID, text string) id.EventID {
	k.t.Helper()
	said, err := who.Reply(soon(k.t), k.room, to, text)
	check(k.t, err)
	return said
}

// inThread writes into the thread of an event on Matrix, as newer apps do.
func (k *talk) inThread(who *world.Pupil, root id.EventID, text string) id.EventID {
	k.t.Helper()
	said, err := who.Send(soon(k.t), k.room, &event.MessageEventContent{
		MsgType: event.MsgText, Body: text, RelatesTo: (&event.RelatesTo{}).SetThread(root, root),
	})
	check(k.t, err)
	return said
}

// onMatrix waits for a message with this text, in its latest version.
func (k *talk) onMatrix(text string) harness.MatrixMessage {
	k.t.Helper()
	return k.onMatrixThat(func(m harness.MatrixMessage) bool { return m.Latest() == text })
}

// onMatrixThat waits for a message.
func (k *talk) onMatrixThat(match func(harness.MatrixMessage) bool) harness.MatrixMessage {
	k.t.Helper()
	found, err := k.w.Carla.WaitFor(soon(k.t), k.room, match)
	check(k.t, err)
	return found
}

// onMattermost waits for a post with this text.
func (k *talk) onMattermost(text string) harness.MattermostPost {
	k.t.Helper()
	return k.onMattermostThat(func(p harness.MattermostPost) bool { return p.Message == text })
}

// onMattermostThat waits for a post.
func (k *talk) onMattermostThat(match func(harness.MattermostPost) bool) harness.MattermostPost {
	k.t.Helper()
	found, err := k.w.Anna.WaitFor(soon(k.t), k.channel.ID, match)
	check(k.t, err)
	return found
}

// differences tells in words where the sides differ.
func (k *talk) differences(ctx context.Context) error {
	mattermost, err := transcript.Mattermost(ctx, k.w.Mattermost.Admin, k.channel.ID)
	if err != nil {
		return err
	}
	matrix, err := transcript.Matrix(ctx, k.w.Carla.MatrixPerson, k.room)
	if err != nil {
		return err
	}
	return compare(mattermost, matrix)
}

// compare returns an error that tells in words where two sides differ.
func compare(mattermost, matrix []transcript.Line) error {
	differences := transcript.Differences(
		transcript.Side{Name: "Mattermost", Lines: mattermost}, transcript.Side{Name: "Matrix", Lines: matrix})
	if len(differences) > 0 {
		return errors.New(strings.Join(differences, "\n"))
	}
	return nil
}

// agree waits until both sides show the same: every message once, in the same
// order, by the same author, with the same edits, deletions and threads.
func (k *talk) agree() {
	k.t.Helper()
	check(k.t, world.Until(soon(k.t), "both sides to agree", k.differences))
}

// settle waits until nothing is pending in the portal and returns its state.
func (k *talk) settle() command.PortalStatus {
	k.t.Helper()
	var portal command.PortalStatus
	check(k.t, world.Until(soon(k.t), "empty lanes of "+k.channel.Ref, func(ctx context.Context) error {
		var err error
		if portal, err = k.w.Gateway.Portal(ctx, k.channel.Ref); err != nil {
			return err
		}
		if portal.In.Pending+portal.Out.Pending > 0 {
			return errors.New("not empty")
		}
		return nil
	}))
	return portal
}
