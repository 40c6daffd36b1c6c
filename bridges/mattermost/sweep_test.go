package mattermost

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// The server answers nothing, though there is something: the canary is missing.
func TestSweepSeesThroughAStaleAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	r.say(chat, "one")
	r.server.StaleSince(1)
	r.connected()
	r.want(chat, "one")
}

// More has changed than one answer holds: new posts, edits and deletions of
// older ones, a deleted thread.
func TestSweepOfACutAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	edited, gone, root := r.say(chat, "edited"), r.say(chat, "gone"), r.say(chat, "root")
	r.post(r.kim, &model.Post{ChannelId: string(chat), RootId: root, Message: "reply"})
	r.say(chat, "stays")
	stop := r.connected()
	r.want(chat, "edited", "gone", "root", "reply", "stays")
	stop()

	var want []string
	for i := range 1300 {
		text := fmt.Sprintf("missed %d", i)
		id := r.say(chat, text)
		switch i {
		case 100:
			r.edit(id, "written and edited")
			text = "written and edited"
		case 200:
			r.remove(id)
			continue
		}
		want = append(want, text)
	}
	r.edit(edited, "new text")
	r.remove(gone)
	r.remove(root)
	r.restart()
	r.connected()

	var news, changes []string
	targets := map[bridge.MessageID]string{}
	for _, ev := range r.sink.Events(chat)[5:] {
		switch e := ev.(type) {
		case *bridge.Message:
			news = append(news, e.Content.Body)
		case *bridge.Edit:
			changes = append(changes, "edit "+e.Content.Body)
		case *bridge.Removal:
			targets[e.Target] = "removed"
		default:
			t.Errorf("an event %T", ev)
		}
	}
	if diff := cmp.Diff(want, news); diff != "" {
		t.Errorf("new messages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"edit new text"}, changes); diff != "" {
		t.Errorf("edits (-want +got):\n%s", diff)
	}
	if len(targets) != 3 || targets[bridge.MessageID(gone)] == "" || targets[bridge.MessageID(root)] == "" {
		t.Errorf("removals: %v, want %s, the root %s and its reply", targets, gone, root)
	}
	r.fence(chat)
}

// A long gap that was read half is not read again from its beginning, and what
// has changed meanwhile is found.
func TestWalkGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	ids := make([]string, 1300)
	for i := range ids {
		ids[i] = r.say(chat, strconv.Itoa(i))
	}
	r.sink.Decide(func(n int) bridgetest.Fate {
		if n == 4 {
			return bridgetest.Fail
		}
		return bridgetest.Commit
	})
	if err := r.client.Run(t.Context(), r.sink); err == nil {
		t.Fatal("Run goes on after a failed Deliver")
	}
	r.sink.Decide(nil)
	half := len(r.sink.Messages(chat))
	pos, err := parseCursor(r.sink.Cursor(chat))
	if err != nil || pos.walk <= pos.at || half == 0 || half == len(ids) {
		t.Fatalf("%d messages, cursor %+v, error %v; want the cursor of an unfinished walk", half, pos, err)
	}
	r.edit(ids[10], "changed")
	r.remove(ids[20])
	r.restart()
	r.connected()
	var news []string
	changes := 0
	for _, ev := range r.sink.Events(chat) {
		switch e := ev.(type) {
		case *bridge.Message:
			news = append(news, string(e.ID))
		case *bridge.Edit:
			if changes++; string(e.Target) != ids[10] || e.Content.Body != "changed" {
				t.Errorf("edit of %s to %q", e.Target, e.Content.Body)
			}
		case *bridge.Removal:
			if changes++; string(e.Target) != ids[20] {
				t.Errorf("removal of %s", e.Target)
			}
		case *bridge.Reactions, *bridge.ChatChange, *bridge.ChatGone, *bridge.Members, *bridge.UserChange:
			t.Errorf("an event %T", ev)
		}
	}
	if diff := cmp.Diff(ids, news); diff != "" || changes != 2 {
		t.Errorf("%d changes, want 2; messages (-want +got):\n%s", changes, diff)
	}
}

// A sweep that ends half way leaves the cursor before everything that is missing,
// also when a row of the first part has changed last of all.
func TestSweepInPartsSkipsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.over = 1
	r.restart()
	chat := r.linked()
	want := []string{"edited"}
	first := r.say(chat, "first")
	for i := range 700 {
		want = append(want, strconv.Itoa(i))
		r.say(chat, want[len(want)-1])
	}
	r.edit(first, "edited")
	for fail := 2; fail <= 4; fail++ {
		r.sink.Decide(func(n int) bridgetest.Fate {
			if n == 2 {
				return bridgetest.Fail
			}
			return bridgetest.Commit
		})
		if err := r.client.Run(t.Context(), r.sink); err == nil {
			t.Fatal("Run goes on after a failed Deliver")
		}
		r.restart()
	}
	r.sink.Decide(nil)
	r.connected()
	var got []string
	for _, m := range r.sink.View(chat) {
		got = append(got, m.Content.Body)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// The canary was removed from the server's database for good.
func TestSweepWithoutCanary(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	r.say(chat, "one")
	stop := r.connected()
	stop()
	pos, err := parseCursor(r.sink.Cursor(chat))
	if err != nil {
		t.Fatal(err)
	}
	pos.id = model.NewId()
	r.sink.Link(chat, pos.encode())
	r.say(chat, "two")
	r.restart()
	r.connected()
	r.want(chat, "one", "two")
}

// Replies move their root, which may be from before the link.
func TestOldPostsStayOutside(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{true, false} {
		t.Run(fmt.Sprintf("live=%v", live), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			chat := r.channel()
			old, edited, gone := r.say(chat, "old root"), r.say(chat, "old"), r.say(chat, "old, too")
			r.link(chat)
			if live {
				r.connected()
			}
			reply := r.post(r.kim, &model.Post{ChannelId: string(chat), RootId: old, Message: "reply"})
			r.edit(edited, "changed")
			r.remove(gone)
			if !live {
				r.connected()
			}
			r.fence(chat)
			r.want(chat, "reply")
			if m := r.sink.Messages(chat)[0]; string(m.ID) != reply || string(m.Thread) != old {
				t.Errorf("the reply is %q in thread %q, want %q in %q", m.ID, m.Thread, reply, old)
			}
		})
	}
}

// What moves a post without changing it is no edit.
func TestPinsAreNoEdits(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{true, false} {
		t.Run(fmt.Sprintf("live=%v", live), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			chat := r.linked()
			pinned := r.say(chat, "pinned")
			stop := r.connected()
			r.want(chat, "pinned")
			if !live {
				stop()
			}
			r.patch(r.kim, pinned, &model.PostPatch{IsPinned: new(true)})
			if !live {
				r.restart()
				r.connected()
			}
			r.fence(chat)
			r.want(chat, "pinned")
		})
	}
}

// A text that was changed and changed back is the last that people see, although
// the one between was delivered.
func TestEditThereAndBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	id := r.say(chat, "A")
	stop := r.connected()
	r.edit(id, "B")
	r.await("the edit is delivered", func() bool { return len(r.events(chat)) == 2 })
	stop()
	r.edit(id, "A")
	r.restart()
	r.connected()
	r.want(chat, "A", "edit: B", "edit: A")
}

// Somebody with the bot's rights has changed what we wrote.
func TestForeignEditOfOurPost(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{true, false} {
		t.Run(fmt.Sprintf("live=%v", live), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			chat := r.linked()
			sent := r.send(r.out(chat, "k1", "ours"))
			stop := r.connected()
			if !live {
				stop()
			}
			text := "not ours"
			r.patch(r.bot, string(sent.ID), &model.PostPatch{Message: &text})
			if !live {
				r.restart()
				r.connected()
			}
			r.await("the edit is delivered", func() bool { return len(r.sink.Events(chat)) == 1 })
			e, ok := r.sink.Events(chat)[0].(*bridge.Edit)
			if !ok || e.Sender != "" || e.Echo != "" || e.Target != sent.ID {
				t.Errorf("event is %+v, want an edit of %q by nobody known", e, sent.ID)
			}
		})
	}
}

// Very many rows that say nothing are not read again after every restart.
func TestNoticesMoveTheCursor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	for range 520 {
		r.server.Join(string(chat), r.server.NewUser("p"+model.NewId()[:10], ""), "")
	}
	before := r.sink.Cursor(chat)
	r.connected()
	if r.sink.Cursor(chat) == before {
		t.Error("the cursor stands before the notices")
	}
	r.fence(chat)
}

// The server forgets nothing, the bot was away: what it may not read is told
// once, and told again when it may.
func TestLostAndFoundMembership(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat, other := r.linked(), r.linked()
	r.connected()
	r.fence(chat)
	r.server.Leave(string(chat), r.bot, r.kim)
	r.await("the chat is gone", func() bool { return len(r.events(chat)) == 1 })
	r.fence(other) // which goes on meanwhile
	missed := r.say(chat, "while the bot was away")
	r.server.Join(string(chat), r.bot, r.kim)
	r.await("the message of meanwhile is delivered", func() bool {
		for _, m := range r.sink.Messages(chat) {
			if string(m.ID) == missed {
				return true
			}
		}
		return false
	})
	back := false
	for _, ev := range r.sink.Events(chat) {
		_, is := ev.(*bridge.ChatChange)
		back = back || is
	}
	if !back {
		t.Error("nothing tells that the chat is back")
	}
}
