package mattermost

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
	"golang.org/x/sync/errgroup"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	sweepers     = 8                      // channels that are swept at once
	relistEvery  = 30 * time.Second       // how often the core is asked what it follows
	relistSoon   = 200 * time.Millisecond // while a new link is being made
	relistPause  = 5 * time.Second        // between events of unknown channels
	expectAtMost = time.Minute
)

// connect holds one connection until it breaks.
func (c *client) connect(ctx context.Context, sink bridge.Sink) error {
	me, err := c.lookAtSelf(ctx)
	if err != nil {
		return err
	}
	c.people.forget() // names may have changed hands meanwhile
	followed, err := sink.Followed(ctx)
	if err != nil {
		return err
	}
	from := c.takeResumption()
	ws, err := c.dial(ctx, from)
	if err != nil {
		c.leaveResumption(from)
		return c.explain(ctx, err, "")
	}
	defer ws.close()

	f := newFeed(c, me, sink, followed)
	r := &reader{feed: f, ws: ws, from: from}
	group, inner := errgroup.WithContext(ctx)
	stop := context.AfterFunc(inner, ws.close)
	defer stop()
	group.Go(func() error {
		defer f.end()
		return r.run(inner)
	})
	// What was read is delivered even when the connection has broken meanwhile.
	group.Go(func() error { return f.deliver(ctx) })
	group.Go(func() error { return keepAlive(inner, ws, c.net.cfg.Keepalive) })
	group.Go(func() error { return f.relist(inner) })
	for range sweepers {
		group.Go(func() error { return f.sweepLoop(inner) })
	}
	err = group.Wait()
	c.leaveResumption(resumption{connection: r.connection, next: r.next, clean: f.clean()})
	return err
}

func (c *client) takeResumption() resumption {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.last
	c.last = resumption{}
	return last
}

func (c *client) leaveResumption(r resumption) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = r
}

// keepAlive asks the server regularly whether the socket still hears.
func keepAlive(ctx context.Context, ws *socket, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := ws.ping(); err != nil {
				return classify(err)
			}
		}
	}
}

// expect tells a running connection that a channel is being linked.
func (c *client) expect(chat bridge.ChatID) {
	c.mu.Lock()
	c.expected[chat] = millis(c.net.deps.Now().Add(expectAtMost))
	c.mu.Unlock()
	signal(c.poke)
}

// expecting tells whether a channel is being linked that is not among chats yet.
func (c *client) expecting(followed []bridge.Followed) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range followed {
		delete(c.expected, l.Chat)
	}
	now := millis(c.net.deps.Now())
	for chat, until := range c.expected {
		if until < now {
			delete(c.expected, chat)
		}
	}
	return len(c.expected) > 0
}

// relist asks the core from time to time what it follows.
func (f *feed) relist(ctx context.Context) error {
	pause := relistEvery
	last := f.c.net.deps.Now()
	for {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		case <-f.c.poke:
		case <-f.strangers:
			if rest := relistPause - f.c.net.deps.Now().Sub(last); rest > 0 {
				// The bot may sit in channels that nobody has linked.
				timer.Stop()
				pause = min(pause, rest)
				continue
			}
		}
		timer.Stop()
		followed, err := f.sink.Followed(ctx)
		if err != nil {
			return err
		}
		f.reconcile(followed)
		last, pause = f.c.net.deps.Now(), relistEvery
		if f.c.expecting(followed) {
			pause = relistSoon
		}
	}
}

// reader reads one socket.
type reader struct {
	feed *feed
	ws   *socket
	from resumption

	connection string
	next       int64 // sequence number of the next event
	started    bool
}

// run reads until the socket breaks.
func (r *reader) run(ctx context.Context) error {
	// The reply to this tells a resumed connection, which has no hello, from a
	// server that is silent.
	if err := r.ws.ping(); err != nil {
		return classify(err)
	}
	in := newInbox()
	var pump sync.WaitGroup
	pump.Go(func() { r.ws.pump(in) })
	defer pump.Wait()
	defer r.ws.close()
	defer in.fail(context.Canceled) // lets a pump go that waits for room
	for {
		frames, err := in.take()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return classify(err)
		}
		if err := r.frames(ctx, frames); err != nil {
			return err
		}
	}
}

// frames looks at frames that have come together.
func (r *reader) frames(ctx context.Context, frames [][]byte) error {
	r.feed.busy(true)
	defer r.feed.busy(false)
	for _, data := range frames {
		fr, err := decodeFrame(data)
		if err != nil {
			return classify(err)
		}
		if err := r.frame(ctx, fr); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) frame(ctx context.Context, fr *frame) error {
	if fr.Event == "" {
		if fr.Status == model.StatusFail {
			return r.deaf(ctx, fr)
		}
		return r.start(ctx, nil)
	}
	if fr.Event == string(model.WebsocketEventHello) {
		fresh := fr.text("connection_id")
		was := r.connection
		r.connection, r.next = fresh, fr.Seq+1
		if !r.started {
			r.from = resumption{}
			return r.start(ctx, fr)
		}
		if was != fresh {
			r.feed.sweepAll()
		}
		return nil
	}
	if err := r.start(ctx, fr); err != nil {
		return err
	}
	switch {
	case fr.Seq < r.next:
		return nil // read before
	case fr.Seq > r.next:
		r.feed.log.LogAttrs(ctx, slog.LevelWarn, "events are missing, reading all channels",
			slog.Int64("missing", fr.Seq-r.next))
		r.feed.sweepAll()
	}
	r.next = fr.Seq + 1
	if err := r.feed.event(fr); err != nil {
		// One unreadable event: what it told is in the channel.
		r.feed.log.LogAttrs(ctx, slog.LevelWarn, "an event is not readable", slog.String("error", err.Error()))
		if fr.Broadcast.ChannelID != "" {
			r.feed.sweep(bridge.ChatID(fr.Broadcast.ChannelID), true)
		}
	}
	return nil
}

// start begins the work of a connection with its first frame: a hello is a new
// connection, anything else goes on with the one before.
func (r *reader) start(ctx context.Context, first *frame) error {
	if r.started {
		return nil
	}
	r.started = true
	if r.from.connection != "" {
		r.connection, r.next = r.from.connection, r.from.next
		if first != nil && first.Seq != r.next {
			r.from.clean = nil
		}
	}
	r.feed.sink.State(ctx, bridge.StateCatchingUp, nil)
	listed, err := r.feed.c.api.myChannels(ctx)
	if err != nil {
		return r.feed.c.explain(ctx, err, "")
	}
	r.feed.start(r.from.clean, listed)
	r.feed.report(ctx)
	return nil
}

// deaf handles a reply that says no: the socket is open, but not logged in.
func (r *reader) deaf(ctx context.Context, fr *frame) error {
	if fr.Error == nil {
		return &bridge.TemporaryError{Err: errors.New("the connection refuses to be used"), Shared: true}
	}
	err := &callError{op: "ping", status: fr.Error.StatusCode, id: safeID(fr.Error.Id)}
	if err.id == idNotAuth {
		err.status = http.StatusUnauthorized
	}
	return r.feed.c.explain(ctx, err, "")
}

// event sorts a pushed event. It makes no requests.
func (f *feed) event(fr *frame) error {
	switch model.WebsocketEventType(fr.Event) {
	case model.WebsocketEventPosted:
		return f.postEvent(fr, itemPosted)
	case model.WebsocketEventPostEdited:
		return f.postEvent(fr, itemEdited)
	case model.WebsocketEventPostDeleted:
		return f.postEvent(fr, itemDeleted)
	case model.WebsocketEventUserUpdated:
		var u model.User
		if err := fr.nested("user", &u); err != nil {
			return err
		}
		f.c.people.put(&u)
		if u.Id != f.me.id {
			f.push("", item{kind: itemUser, user: &u})
		}
	case model.WebsocketEventChannelUpdated, model.WebsocketEventChannelConverted,
		model.WebsocketEventChannelDeleted, model.WebsocketEventChannelRestored:
		f.sweep(channelOf(fr), true)
	case model.WebsocketEventUserRemoved, model.WebsocketEventUserAdded:
		if f.aboutUs(fr) {
			f.sweep(channelOf(fr), true)
		}
	case model.WebsocketEventLeaveTeam, model.WebsocketEventAddedToTeam:
		if f.aboutUs(fr) {
			f.sweepAll()
		}
	case model.WebsocketEventConfigChanged:
		f.c.forgetSelf()
	}
	return nil
}

// aboutUs tells whether an event about a member is about the login.
func (f *feed) aboutUs(fr *frame) bool {
	return fr.text("user_id") == f.me.id || fr.Broadcast.UserID == f.me.id
}

func channelOf(fr *frame) bridge.ChatID {
	if id := fr.text("channel_id"); id != "" {
		return bridge.ChatID(id)
	}
	if fr.Broadcast.ChannelID != "" {
		return bridge.ChatID(fr.Broadcast.ChannelID)
	}
	var ch struct {
		ID string `json:"id"`
	}
	if raw, ok := fr.Data["channel"]; ok && json.Unmarshal(raw, &ch) != nil {
		_ = fr.nested("channel", &ch) // empty when unreadable
	}
	return bridge.ChatID(ch.ID)
}

func (f *feed) postEvent(fr *frame, kind itemKind) error {
	p := &model.Post{}
	if err := fr.nested("post", p); err != nil {
		return err
	}
	f.push(bridge.ChatID(p.ChannelId), item{kind: kind, post: p, at: f.c.api.serverTime()})
	return nil
}

// forgetSelf makes the next use ask for the server's switches again.
func (c *client) forgetSelf() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.self = nil
}
