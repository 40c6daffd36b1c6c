package mattermost

import (
	"context"
	"slices"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

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
		ch := &chat{id: l.Chat, stored: l.Cursor}
		f.chats[l.Chat] = ch
		if f.started { // otherwise start will queue it
			ch.look, ch.tried = true, true
			f.waiting = append(f.waiting, ch)
		}
	}
	for id, ch := range f.chats {
		if !present[id] {
			delete(f.chats, id)
			f.unbuffer(ch)
			f.waiting = slices.DeleteFunc(f.waiting, func(w *chat) bool { return w == ch })
			if f.started && !ch.tried {
				ch.tried = true
				f.first--
			}
		}
	}
	signal(f.sweeping)
}

// sweep queues a channel to be swept. With look its own data may have changed
// too.
func (f *feed) sweep(id bridge.ChatID, look bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ch := f.chats[id]
	if ch == nil {
		f.stranger()
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
