package mattermost

import (
	"log/slog"
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
	cachedTexts = 10_000

	// The server pushes posts that people write at the same moment out of order,
	// a few milliseconds apart. Each event is held back for a while, so that what
	// belongs before it can come.
	minHold  = 4 * time.Millisecond
	wildHold = 20 * time.Millisecond // for some time after one came too late
	maxHold  = 40 * time.Millisecond
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
	// unwanted are direct channels that the core did not want, as of their last post.
	unwanted map[bridge.ChatID]int64
	// reacted remembers which reactions to a post were delivered.
	reacted *lru[string, string]

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
	sum  string // of its text and files
	edit int64  // its EditAt
	gone bool   // deleted
}

// item is a live event.
type item struct {
	chat *chat
	kind itemKind
	post *model.Post
	user *model.User
	at   int64 // server time of a deletion
	// reacted is the post whose reactions have changed.
	reacted string
	came    time.Time
	order   int64 // when it happened, for sorting
}

type itemKind int

const (
	itemPosted itemKind = iota
	itemEdited
	itemDeleted
	itemUser
	itemReacted
)

func newFeed(c *client, me *self, sink bridge.Sink, followed []bridge.Followed) *feed {
	f := &feed{
		c: c, me: me, sink: sink, log: c.log,
		told:       newLRU[string, telling](cachedTexts),
		reacted:    newLRU[string, string](cachedTexts),
		chats:      map[bridge.ChatID]*chat{},
		unwanted:   map[bridge.ChatID]int64{},
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

// stranger notes an event of a channel that is not followed. A puppet hears the
// channels that the bot reads: only direct ones are news to it, see [feed.postEvent].
func (f *feed) stranger() {
	if !f.c.puppet {
		signal(f.strangers)
	}
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
		f.stranger()
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
