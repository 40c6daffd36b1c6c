package mattermost

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

// echoPause is how long our own posts that came back may wait: they are no news
// and only move the cursor, which costs a commit.
const echoPause = 200 * time.Millisecond

// parcel is what goes to the core in one call.
type parcel struct {
	evs    []bridge.Event
	items  []item
	moved  map[*chat]cursor        // positions after it
	stored map[*chat]bridge.Cursor // and as the core will have them
	news   bool                    // it holds more than echoes
	since  time.Time               // when the first event was put in
}

func newParcel() *parcel {
	return &parcel{moved: map[*chat]cursor{}, stored: map[*chat]bridge.Cursor{}}
}

// due tells whether a parcel must go now, or when.
func (p *parcel) due() (bool, time.Duration) {
	if len(p.items) == 0 {
		return false, 0
	}
	rest := echoPause - time.Since(p.since)
	return p.news || rest <= 0 || len(p.items) >= batchSize, rest
}

// deliver hands live events to the core until the reader has ended and nothing
// is left.
func (f *feed) deliver(ctx context.Context) error {
	p := newParcel()
	for {
		if err := f.gather(ctx); err != nil {
			return err
		}
		batch, ended := f.batch()
		f.pack(ctx, p, batch)
		now, rest := p.due()
		switch {
		case now, ended && len(p.items) > 0:
			if err := f.dispatch(ctx, p); err != nil {
				return err
			}
			p = newParcel()
		case ended:
			return nil
		case len(batch) == 0:
			if err := f.await(ctx, rest); err != nil {
				return err
			}
		}
	}
}

// await waits for an event, for rest at most unless that is 0.
func (f *feed) await(ctx context.Context, rest time.Duration) error {
	f.mu.Lock()
	some := len(f.queue) > 0 && !f.reading
	f.mu.Unlock()
	if some {
		return nil // it is being held back
	}
	if rest <= 0 {
		rest = idlePause
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-f.delivering:
	case <-timer.C:
	}
	return nil
}

// holding is how long an event is held back. On a machine that is short of time
// the server's events come later, too. It needs f.mu held.
func (f *feed) holding() time.Duration {
	hold := minHold + f.lag
	if time.Since(f.disorder) < wildTime {
		hold = max(hold, wildHold)
	}
	return min(hold, maxHold)
}

// gather waits until the oldest event has been held back for long enough.
func (f *feed) gather(ctx context.Context) error {
	for {
		f.mu.Lock()
		rest := time.Duration(0)
		if len(f.queue) > 0 && !f.ended && !f.reading {
			rest = f.holding() - time.Since(f.queue[0].came)
		}
		f.mu.Unlock()
		if rest <= 0 {
			return nil
		}
		// In two steps: a process that was kept waiting as a whole finds the timer
		// and the socket ready at once.
		step, before := rest/2+time.Millisecond/2, time.Now()
		if err := wait(ctx, step); err != nil {
			return err
		}
		late := time.Since(before) - step
		f.mu.Lock()
		f.lag = max(late, f.lag-f.lag/8)
		f.mu.Unlock()
	}
}

// batch takes what was held back for long enough, and what belongs before it.
func (f *feed) batch() (batch []item, ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reading && !f.ended {
		return nil, false
	}
	sortItems(f.queue)
	hold, n := f.holding(), 0
	for i, it := range f.queue {
		if f.ended || time.Since(it.came) >= hold {
			n = i + 1
		}
	}
	n = min(n, batchSize)
	batch = slices.Clone(f.queue[:n])
	f.queue = slices.Delete(f.queue, 0, n)
	f.watchOrder(batch)
	return batch, f.ended && len(f.queue) == 0
}

// sortItems puts events into the order in which things happened. What has no
// time of its own stays behind what came before it.
func sortItems(queue []item) {
	latest := map[*chat]int64{}
	for i := range queue {
		it := &queue[i]
		switch it.kind {
		case itemPosted:
			it.order = it.post.CreateAt
		case itemEdited:
			it.order = it.post.UpdateAt
		case itemDeleted:
			it.order = max(it.order, latest[it.chat], it.post.UpdateAt)
		case itemReacted:
			it.order = max(it.order, latest[it.chat])
		case itemUser:
		}
		latest[it.chat] = max(latest[it.chat], it.order)
	}
	// Channels need no order among each other.
	slices.SortStableFunc(queue, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.kind, b.kind))
	})
}

// watchOrder notes when an event came too late to be sorted in. It needs f.mu
// held.
func (f *feed) watchOrder(batch []item) {
	for _, it := range batch {
		if it.kind != itemPosted {
			continue
		}
		if it.post.CreateAt < it.chat.newest {
			f.disorder = time.Now()
		}
		it.chat.newest = max(it.chat.newest, it.post.CreateAt)
	}
}

// pack puts live events into a parcel.
func (f *feed) pack(ctx context.Context, p *parcel, batch []item) {
	if len(batch) == 0 {
		return
	}
	if len(p.items) == 0 {
		p.since = time.Now()
	}
	p.items = append(p.items, batch...)
	posts := make([]*model.Post, 0, len(batch))
	for _, it := range batch {
		if it.post != nil && it.kind != itemDeleted && bridged(it.post) {
			posts = append(posts, it.post)
		}
	}
	f.c.learn(ctx, posts...)
	reacted := f.askReactions(ctx, batch)
	for _, it := range batch {
		if it.kind == itemUser {
			p.news = true
			p.evs = append(p.evs, &bridge.UserChange{
				Meta: bridge.Meta{Sender: bridge.UserID(it.user.Id), Time: fromMillis(max(it.user.UpdateAt, 1)), Key: userKey(it.user)},
				Info: userInfo(it.user),
			})
			continue
		}
		pos, ok := p.moved[it.chat]
		if !ok {
			pos = it.chat.pos // no sweep runs while live events are on their way
		}
		var ev bridge.Event
		if it.kind == itemReacted {
			ev = f.liveReactions(it, reacted)
		} else {
			ev = f.liveEvent(it, pos)
		}
		if it.kind == itemPosted || it.kind == itemEdited { // the event of a deletion has the post as it was
			pos = pos.moved(it.post.Id, it.post.UpdateAt)
		}
		p.moved[it.chat] = pos
		if ev != nil {
			p.news = p.news || ev.Head().Echo == ""
			ev.Head().Cursor = pos.encode()
			p.stored[it.chat] = ev.Head().Cursor
			p.evs = append(p.evs, ev)
		}
	}
}

// dispatch hands a parcel to the core.
func (f *feed) dispatch(ctx context.Context, p *parcel) error {
	if len(p.evs) > 0 {
		if err := f.sink.Deliver(ctx, p.evs...); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for ch, pos := range p.moved {
		ch.pos = pos
	}
	for ch, c := range p.stored {
		ch.stored = c
	}
	for _, it := range p.items {
		if it.chat == nil {
			continue
		}
		it.chat.inflight--
		if it.chat.inflight == 0 && it.chat.state == chatWaiting {
			signal(f.sweeping)
		}
	}
	return nil
}

// liveEvent makes the event of an item, nil when it is none or no news. What it
// notes as told is delivered, or the feed ends.
func (f *feed) liveEvent(it item, pos cursor) bridge.Event {
	p := it.post
	if p.CreateAt <= pos.from || p.OriginalId != "" {
		return nil
	}
	if hint := memberEvent(p, f.me); hint != nil && it.kind == itemPosted {
		return hint
	}
	if !bridged(p) {
		return nil
	}
	told, known := f.told.get(p.Id)
	if told.gone {
		return nil // a sweep was faster
	}
	now := telling{sum: postSum(p), edit: p.EditAt, gone: it.kind == itemDeleted}
	switch it.kind {
	case itemDeleted:
		f.told.put(p.Id, now)
		return f.c.removalEvent(p, it.at)
	case itemPosted:
		if !known {
			f.told.put(p.Id, now)
		}
		return f.c.messageEvent(p, f.me)
	case itemEdited:
		if p.EditAt == 0 || known && p.EditAt <= told.edit {
			return nil // pinned, a preview came, or a later text was delivered
		}
		f.told.put(p.Id, now)
		if known && told.sum == now.sum {
			return nil // nothing that crosses
		}
		if e := f.c.editEvent(p, f.me); e != nil {
			return e
		}
	case itemUser, itemReacted: // made elsewhere
	}
	return nil
}
