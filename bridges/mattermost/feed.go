package mattermost

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	maxQueue    = 4096 // live events that wait for the core
	maxBuffer   = 8192 // live events that wait for sweeps, of all channels
	maxChatBuf  = 512  // and of one
	batchSize   = 256  // events of one Deliver
	cachedTexts = 20_000

	// The server pushes posts that people write at the same moment out of order,
	// a few milliseconds apart. Each event is held back for a while, so that what
	// belongs before it can come.
	minHold  = 4 * time.Millisecond
	wildHold = 64 * time.Millisecond // for some time after one came too late
	maxHold  = 100 * time.Millisecond
	wildTime = 10 * time.Second
)

// feed is one connection's view of the followed channels. The rules:
//
//   - A channel is swept before its live events are delivered; those wait in its
//     buffer. When that overflows, the channel is swept once more.
//   - A channel has one deliverer at a time: a sweep begins when its live events
//     are out of the queue, and live events enter the queue when its sweep has
//     ended. So each position that is stored with an event is true.
//   - The reader never waits for the core: where the queue is full, the event is
//     dropped and its channel swept.
type feed struct {
	c    *client
	me   *self
	sink bridge.Sink
	log  *slog.Logger
	// told remembers what was delivered of posts, to tell edits of the text from
	// others and what is late from what is new.
	told *lru[string, telling]

	mu       sync.Mutex
	chats    map[bridge.ChatID]*chat
	waiting  []*chat // to be swept, in this order
	queue    []item  // live events of swept channels
	buffered int
	first    int  // channels that have not been tried yet
	started  bool // the connection is known to be new or resumed
	reading  bool // the reader is in the middle of what has come
	shown    bool // the state connected was reported
	ended    bool // no more live events come
	pause    time.Time
	disorder time.Time     // when an event last came too late to be sorted in
	lag      time.Duration // how late this process has been woken up lately

	delivering chan struct{} // wakes the deliverer
	sweeping   chan struct{} // wakes a sweeper
	strangers  chan struct{} // an event of an unknown channel came
}

type chatState int

const (
	chatWaiting chatState = iota
	chatSweeping
	chatLive
)

// chat is a followed channel.
type chat struct {
	id     bridge.ChatID
	pos    cursor
	stored bridge.Cursor // as the core has it

	state    chatState
	tried    bool
	again    bool // sweep once more when this sweep ends
	look     bool // the channel itself may have changed
	inflight int  // live events in the queue or on their way to the core
	buffer   []item
	fails    int
	after    time.Time      // do not sweep earlier
	info     *model.Channel // as last listed, nil when not
	gone     bool           // the core was told that it is gone
	told     int64          // the core knows the channel's data as of then
	newest   int64          // creation of the newest post delivered live
}

// telling is what was last delivered of a post.
type telling struct {
	sum  string // of its text
	edit int64  // its EditAt
	gone bool   // deleted
}

// item is a live event.
type item struct {
	chat  *chat
	kind  itemKind
	post  *model.Post
	user  *model.User
	at    int64 // server time of a deletion
	came  time.Time
	order int64 // when it happened, for sorting
}

type itemKind int

const (
	itemPosted itemKind = iota
	itemEdited
	itemDeleted
	itemUser
)

func newFeed(c *client, me *self, sink bridge.Sink, followed []bridge.Followed) *feed {
	f := &feed{
		c: c, me: me, sink: sink, log: c.log,
		told:       newLRU[string, telling](cachedTexts),
		chats:      map[bridge.ChatID]*chat{},
		delivering: make(chan struct{}, 1),
		sweeping:   make(chan struct{}, 1),
		strangers:  make(chan struct{}, 1),
	}
	for _, l := range followed {
		f.chats[l.Chat] = &chat{id: l.Chat, stored: l.Cursor}
	}
	return f
}

// busy tells the deliverer that the reader is, or is no more, in the middle of
// what has come: what it has not looked at yet may belong before the rest.
func (f *feed) busy(on bool) {
	f.mu.Lock()
	f.reading = on
	f.mu.Unlock()
	if !on {
		signal(f.delivering)
	}
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// start makes channels live that a resumed connection left clean, and queues all
// others to be swept, those with the newest posts first.
func (f *feed) start(clean map[bridge.ChatID]bridge.Cursor, listed []*model.Channel) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started = true
	for _, ch := range listed {
		if known := f.chats[bridge.ChatID(ch.Id)]; known != nil {
			known.info = ch
		}
	}
	for _, ch := range f.chats {
		if left, ok := clean[ch.id]; ok && left == ch.stored {
			if pos, err := parseCursor(left); err == nil {
				ch.pos, ch.state, ch.tried = pos, chatLive, true
				continue
			}
		}
		f.first++
		ch.look = ch.info == nil
		f.waiting = append(f.waiting, ch)
	}
	slices.SortStableFunc(f.waiting, func(a, b *chat) int {
		return int(min(max(lastPost(b)-lastPost(a), -1), 1))
	})
	signal(f.sweeping)
}

func lastPost(ch *chat) int64 {
	if ch.info == nil {
		return 0
	}
	return ch.info.LastPostAt
}

// reconcile takes over what the core follows now.
func (f *feed) reconcile(followed []bridge.Followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	present := make(map[bridge.ChatID]bool, len(followed))
	for _, l := range followed {
		present[l.Chat] = true
		if f.chats[l.Chat] != nil {
			continue
		}
		ch := &chat{id: l.Chat, stored: l.Cursor, look: true, tried: true}
		f.chats[l.Chat] = ch
		f.waiting = append(f.waiting, ch)
	}
	for id, ch := range f.chats {
		if !present[id] {
			delete(f.chats, id)
			f.unbuffer(ch)
			f.waiting = slices.DeleteFunc(f.waiting, func(w *chat) bool { return w == ch })
			if !ch.tried {
				ch.tried = true
				f.first--
			}
		}
	}
	signal(f.sweeping)
}

func (f *feed) unbuffer(ch *chat) {
	f.buffered -= len(ch.buffer)
	ch.buffer = nil
}

// push takes a live event from the reader. It never waits.
func (f *feed) push(id bridge.ChatID, it item) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if it.kind == itemUser {
		if len(f.queue) < maxQueue {
			it.came = time.Now()
			f.queue = append(f.queue, it)
			signal(f.delivering)
		}
		return
	}
	ch := f.chats[id]
	if ch == nil {
		signal(f.strangers)
		return
	}
	it.chat, it.came = ch, time.Now()
	switch {
	case ch.state == chatLive && len(f.queue) < maxQueue:
		f.queue = append(f.queue, it)
		ch.inflight++
		signal(f.delivering)
	case ch.state == chatLive:
		f.sweepLocked(ch)
	case len(ch.buffer) < maxChatBuf && f.buffered < maxBuffer:
		ch.buffer = append(ch.buffer, it)
		f.buffered++
	default:
		f.unbuffer(ch)
		ch.again = ch.state == chatSweeping // one that waits will see it all
	}
}

// sweep queues a channel to be swept. With look its own data may have changed
// too.
func (f *feed) sweep(id bridge.ChatID, look bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ch := f.chats[id]
	if ch == nil {
		signal(f.strangers)
		return
	}
	if look {
		ch.look, ch.after = true, time.Time{}
	}
	f.sweepLocked(ch)
}

// sweepAll queues every channel.
func (f *feed) sweepAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ch := range f.chats {
		ch.look = true
		f.sweepLocked(ch)
	}
}

func (f *feed) sweepLocked(ch *chat) {
	switch ch.state {
	case chatLive:
		ch.state = chatWaiting
		f.waiting = append(f.waiting, ch)
	case chatSweeping:
		ch.again = true
	case chatWaiting: // is queued
	}
	signal(f.sweeping)
}

// take waits for a channel that may be swept now.
func (f *feed) take(ctx context.Context) (*chat, error) {
	for {
		ch, pause := f.pick()
		if ch != nil {
			return ch, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-f.sweeping:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// idlePause is how long a sweeper with nothing to do sleeps unless it is woken.
const idlePause = time.Minute

func (f *feed) pick() (*chat, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.c.net.deps.Now()
	if rest := f.pause.Sub(now); rest > 0 {
		return nil, rest
	}
	pause := idlePause
	for i, ch := range f.waiting {
		if rest := ch.after.Sub(now); rest > 0 {
			pause = min(pause, rest)
			continue
		}
		if ch.inflight > 0 {
			continue // the deliverer wakes us
		}
		f.waiting = slices.Delete(f.waiting, i, i+1)
		ch.state, ch.again = chatSweeping, false
		f.unbuffer(ch) // the sweep will see all that has happened
		if len(f.waiting) > 0 {
			signal(f.sweeping) // there may be work for another sweeper
		}
		return ch, 0
	}
	return nil, pause
}

// swept takes the result of a sweep that has succeeded up to pos.
func (f *feed) swept(ctx context.Context, ch *chat, pos cursor) {
	f.mu.Lock()
	ch.pos, ch.fails = pos, 0
	switch {
	case f.chats[ch.id] != ch:
		f.unbuffer(ch)
	case ch.again || len(f.queue) >= maxQueue:
		ch.again, ch.state = false, chatWaiting
		f.waiting = append(f.waiting, ch)
		signal(f.sweeping)
	default:
		ch.state = chatLive
		f.queue = append(f.queue, ch.buffer...)
		ch.inflight = len(ch.buffer)
		f.unbuffer(ch)
		signal(f.delivering)
	}
	f.mu.Unlock()
	f.triedOnce(ctx, ch)
}

// failed puts a channel back, to be swept after a pause.
func (f *feed) failed(ctx context.Context, ch *chat, pause time.Duration, everywhere bool) {
	f.mu.Lock()
	now := f.c.net.deps.Now()
	ch.after = now.Add(pause)
	if everywhere {
		f.pause = now.Add(pause)
	}
	ch.state, ch.again = chatWaiting, false
	if f.chats[ch.id] == ch {
		f.waiting = append(f.waiting, ch)
	}
	f.mu.Unlock()
	signal(f.sweeping)
	if !everywhere {
		f.triedOnce(ctx, ch)
	}
}

// triedOnce reports the connection as up when the first round is over.
func (f *feed) triedOnce(ctx context.Context, ch *chat) {
	f.mu.Lock()
	if !ch.tried {
		ch.tried = true
		f.first--
	}
	f.mu.Unlock()
	f.report(ctx)
}

func (f *feed) report(ctx context.Context) {
	f.mu.Lock()
	up := f.started && f.first == 0 && !f.shown
	f.shown = f.shown || up
	f.mu.Unlock()
	if up {
		f.sink.State(ctx, bridge.StateConnected, nil)
	}
}

// end tells the deliverer that the reader has ended.
func (f *feed) end() {
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
	signal(f.delivering)
}

// clean lists the channels of which every event that was read has been
// delivered, and where the core stands with them.
func (f *feed) clean() map[bridge.ChatID]bridge.Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[bridge.ChatID]bridge.Cursor{}
	for id, ch := range f.chats {
		if ch.state == chatLive && ch.inflight == 0 {
			out[id] = ch.stored
		}
	}
	return out
}
