package mattermost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// A connection that breaks is taken up where it was: nothing is swept.
func TestResumeSavesTheSweep(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	r.connected()
	r.fence(chat)
	swept := r.server.Calls("/posts?", "since=")
	r.server.Cut(r.bot)
	r.say(chat, "meanwhile")
	r.await("the message is delivered", func() bool { return len(r.events(chat)) == 1 })
	if got := r.server.Calls("/posts?", "since="); got != swept {
		t.Errorf("%d sweeps after a resumed connection, want none", got-swept)
	}
	if r.server.Calls("websocket?", "connection_id=") == 0 {
		t.Error("nothing was resumed")
	}
}

// A server that was restarted knows no connections.
func TestNewConnectionSweeps(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	r.connected()
	r.fence(chat)
	r.server.NoResume(true)
	r.server.Cut(r.bot)
	r.say(chat, "meanwhile")
	r.await("the message is delivered", func() bool { return len(r.events(chat)) == 1 })
	r.fence(chat)
	r.want(chat, "meanwhile")
}

// A channel that is linked while the client runs, and one that is unlinked.
func TestLinksChangeWhileRunning(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.linked()
	r.connected()
	r.fence(first)
	second := r.linked()
	r.fence(second)
}

// A link that is made before the connection says hello is swept once.
func TestRelistBeforeHello(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.linked()
	followed, err := r.sink.Followed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := newFeed(r.client, &self{}, r.sink, nil)
	f.reconcile(followed)
	if ch, _ := f.pick(); ch != nil {
		t.Error("a channel is swept before the connection stands")
	}
	f.start(nil, nil)
	if len(f.waiting) != 1 || f.waiting[0].id != id || f.first != 1 {
		t.Errorf("%d channels wait, %d for the first time; want one", len(f.waiting), f.first)
	}
	f.reconcile(nil)
	f.report(t.Context())
	if len(f.waiting) != 0 || len(f.chats) != 0 || r.connects() != 1 {
		t.Errorf("%d channels wait after the link is gone, connected %d times", len(f.waiting), r.connects())
	}
}

// Our own posts that come back only move the cursor: they go to the core
// together.
func TestEchoesCostFewCommits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	r.connected()
	r.fence(chat)
	var commits atomic.Int64
	r.sink.Decide(func(int) bridgetest.Fate {
		commits.Add(1)
		return bridgetest.Commit
	})
	const sends = 100
	start := time.Now()
	for i := range sends {
		r.send(r.out(chat, fmt.Sprintf("k%d", i), "text"))
	}
	r.await("all echoes have come", func() bool { return len(r.sink.Echoes(chat)) == sends })
	if most := 3 + int64(time.Since(start)/echoPause); commits.Load() > most {
		t.Errorf("%d commits for %d echoes, want at most %d", commits.Load(), sends, most)
	}
	r.want(chat)
}

// newTestFeed is a feed without a connection, with one channel in it.
func newTestFeed(t *testing.T) (*rig, *feed, *chat) {
	t.Helper()
	r := newRig(t)
	id := r.linked()
	followed, err := r.sink.Followed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	me, err := r.client.me(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := newFeed(r.client, me, r.sink, followed)
	f.start(nil, nil)
	return r, f, f.chats[id]
}

func posted(ch *chat, n int64) item {
	return item{kind: itemPosted, post: &model.Post{
		Id: model.NewId(), ChannelId: string(ch.id), CreateAt: n, UpdateAt: n, Message: fmt.Sprint(n),
	}}
}

// What arrives while a channel is swept waits, and does not move the cursor.
func TestLiveEventsWaitForTheSweep(t *testing.T) {
	t.Parallel()
	r, f, ch := newTestFeed(t)
	cursor := r.sink.Cursor(ch.id)
	got, err := f.take(t.Context())
	if err != nil || got != ch {
		t.Fatalf("take: %v, %v", got, err)
	}
	f.push(ch.id, posted(ch, 4_000_000_000_000))
	f.end()
	if err := f.deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(r.sink.Events(ch.id)); n > 0 || r.sink.Cursor(ch.id) != cursor {
		t.Fatalf("%d live events were delivered during the sweep, the cursor went to %s", n, r.sink.Cursor(ch.id))
	}
	pos, err := f.sweepOnce(t.Context(), ch)
	if err != nil {
		t.Fatal(err)
	}
	f.swept(t.Context(), ch, pos)
	if err := f.deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(r.sink.Events(ch.id)); n != 1 {
		t.Errorf("%d events after the sweep, want 1", n)
	}
}

// What came before a sweep is not delivered after it: the sweep knows better. The
// same holds for what comes during the sweep and is older than what that saw.
func TestStaleEventsAfterASweep(t *testing.T) {
	t.Parallel()
	r, f, ch := newTestFeed(t)
	asPushed := func(id string) *model.Post {
		for _, p := range r.server.Live(string(ch.id)) {
			if p.Id == id {
				return p
			}
		}
		t.Fatalf("no post %s", id)
		return nil
	}
	gone, edited := r.say(ch.id, "gone"), r.say(ch.id, "first")
	f.push(ch.id, item{kind: itemPosted, post: asPushed(gone)})
	if _, err := f.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(ch.buffer) > 0 {
		t.Errorf("%d events of before the sweep are kept", len(ch.buffer))
	}
	f.push(ch.id, item{kind: itemPosted, post: asPushed(gone)})
	r.edit(edited, "second")
	f.push(ch.id, item{kind: itemEdited, post: asPushed(edited)})
	r.edit(edited, "third")
	r.remove(gone)
	pos, err := f.sweepOnce(t.Context(), ch)
	if err != nil {
		t.Fatal(err)
	}
	f.swept(t.Context(), ch, pos)
	f.end()
	if err := f.deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.want(ch.id, "third")
}

// Too many events during a sweep: the channel is swept once more.
func TestOverflowSweepsAgain(t *testing.T) {
	t.Parallel()
	_, f, ch := newTestFeed(t)
	if _, err := f.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range maxChatBuf + 1 {
		f.push(ch.id, posted(ch, int64(i)))
	}
	if !ch.again || f.buffered != 0 {
		t.Errorf("again is %v, %d events are kept; want another sweep and none", ch.again, f.buffered)
	}
	f.swept(t.Context(), ch, ch.pos)
	if ch.state != chatWaiting {
		t.Error("the channel does not wait for another sweep")
	}
}

// A full queue costs a sweep, not memory, and the reader does not wait.
func TestFullQueueSweeps(t *testing.T) {
	t.Parallel()
	_, f, ch := newTestFeed(t)
	if _, err := f.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.swept(t.Context(), ch, cursor{at: 1})
	for i := range maxQueue + 10 {
		f.push(ch.id, posted(ch, int64(i)))
	}
	if len(f.queue) != maxQueue || ch.state != chatWaiting {
		t.Errorf("%d events in the queue, the channel's state is %v; want %d, waiting", len(f.queue), ch.state, maxQueue)
	}
	if next, _ := f.pick(); next != nil {
		t.Error("the channel is swept while its events are in the queue")
	}
}

// Events that happened at the same moment are put into their order.
func TestSortItems(t *testing.T) {
	t.Parallel()
	ch := &chat{id: "c"}
	mk := func(name string, kind itemKind, create, update int64) item {
		return item{kind: kind, chat: ch, post: &model.Post{Id: name, CreateAt: create, UpdateAt: update}}
	}
	queue := []item{
		mk("edit of a", itemEdited, 10, 30), mk("b", itemPosted, 20, 20), mk("a", itemPosted, 10, 10),
		mk("b", itemDeleted, 20, 20), mk("c", itemPosted, 40, 40),
	}
	sortItems(queue)
	got := ""
	for _, it := range queue {
		got += fmt.Sprintf("%s/%d ", it.post.Id, it.kind)
	}
	if want := "a/0 b/0 edit of a/1 b/2 c/0 "; got != want {
		t.Errorf("order is %q, want %q", got, want)
	}
}

func testReader(t *testing.T) (*reader, *chat) {
	t.Helper()
	_, f, ch := newTestFeed(t)
	if _, err := f.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.swept(t.Context(), ch, cursor{at: 1})
	return &reader{feed: f, connection: "old", next: 5, started: true}, ch
}

// A missing sequence number, or a connection that is suddenly a new one: events
// were lost.
func TestGapsSweep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fr    frame
		sweep bool
		next  int64
	}{
		"in order":       {frame{Event: "typing", Seq: 5}, false, 6},
		"read before":    {frame{Event: "typing", Seq: 4}, false, 5},
		"gap":            {frame{Event: "typing", Seq: 7}, true, 8},
		"new connection": {frame{Event: "hello", Seq: 0, Data: map[string]json.RawMessage{"connection_id": []byte(`"new"`)}}, true, 1},
		"same hello":     {frame{Event: "hello", Seq: 0, Data: map[string]json.RawMessage{"connection_id": []byte(`"old"`)}}, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, ch := testReader(t)
			if err := r.frame(t.Context(), &c.fr); err != nil {
				t.Fatal(err)
			}
			if got := ch.state != chatLive; got != c.sweep || r.next != c.next {
				t.Errorf("swept: %v, next: %d; want %v, %d", got, r.next, c.sweep, c.next)
			}
		})
	}
}

// An event that cannot be read costs a sweep, not the connection.
func TestUnreadableEvent(t *testing.T) {
	t.Parallel()
	r, ch := testReader(t)
	fr := frame{Event: "posted", Seq: 5, Data: map[string]json.RawMessage{"post": []byte(`"{"`)}}
	fr.Broadcast.ChannelID = string(ch.id)
	if err := r.frame(t.Context(), &fr); err != nil {
		t.Fatal(err)
	}
	if ch.state == chatLive {
		t.Error("the channel is not swept")
	}
}

// A socket whose token is dead hears nothing, although it is open.
func TestDeafSocket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Keepalive = 200 * time.Millisecond
	r.restart()
	r.linked()
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { ended <- r.client.Run(ctx, r.sink) }()
	r.await("connected", func() bool { return r.connects() == 1 })
	r.server.Revoke(r.token)
	if err := <-ended; !errors.Is(err, bridge.ErrLoggedOut) {
		t.Errorf("Run ended with %v, want %v", err, bridge.ErrLoggedOut)
	}
}

// A server that says nothing at all ends the connection.
func TestSilentSocket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Keepalive = time.Hour // no question is asked
	r.restart()
	ws, err := r.client.dial(t.Context(), resumption{})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.close()
	ws.idle = 50 * time.Millisecond
	in := newInbox()
	ws.pump(in)
	if _, err := in.take(); err != nil { // the hello
		t.Fatal(err)
	}
	if _, err := in.take(); err == nil || bridge.Classify(classify(err)) != bridge.ClassTemporary {
		t.Errorf("error %v, want a temporary one", err)
	}
}

// The frames that came before the end are taken before the error.
func TestInboxKeepsOrder(t *testing.T) {
	t.Parallel()
	in := newInbox()
	in.put([]byte("1"))
	in.put([]byte("2"))
	in.fail(errors.New("end"))
	frames, err := in.take()
	if len(frames) != 2 || err != nil {
		t.Fatalf("took %d frames, error %v", len(frames), err)
	}
	if _, err := in.take(); err == nil {
		t.Error("no error at the end")
	}
}
