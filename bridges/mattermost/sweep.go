package mattermost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	// overlap is how much before the cursor a sweep begins. A change is stamped
	// before it is committed, so an earlier stamp may appear later.
	overlap = int64(10_000)
	// chunk is about how many events of a sweep are delivered at once.
	chunk = 200
	// The pauses after a failed sweep of a channel.
	minRetry  = time.Second
	maxRetry  = 30 * time.Second
	goneRetry = 5 * time.Minute
)

// sweepLoop sweeps channels until ctx ends. What fails for one channel does not
// stop the others.
func (f *feed) sweepLoop(ctx context.Context) error {
	for {
		ch, err := f.take(ctx)
		if err != nil {
			return err
		}
		pos, err := f.sweepOnce(ctx, ch)
		switch {
		case err == nil:
			f.swept(ctx, ch, pos)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errStore):
			return err
		default:
			err = f.c.explain(ctx, err, ch.id)
			if bridge.Classify(err) == bridge.ClassLoggedOut {
				return err
			}
			if err := f.postpone(ctx, ch, err); err != nil {
				return err
			}
		}
	}
}

// errStore marks what the core has answered: it ends the connection.
var errStore = errors.New("deliver")

// postpone puts a channel back that could not be swept.
func (f *feed) postpone(ctx context.Context, ch *chat, err error) error {
	ch.fails++
	pause := min(minRetry<<min(ch.fails-1, 10), maxRetry)
	temporary, ok := errors.AsType[*bridge.TemporaryError](err)
	switch {
	case ok:
		f.failed(ctx, ch, max(pause, temporary.After), temporary.Shared)
		return nil
	case errors.Is(err, bridge.ErrForbidden), errors.Is(err, bridge.ErrNotFound):
		if err := f.tellGone(ctx, ch, goneKey(ch.id, ch.pos.at), "the bot is not in the channel any more"); err != nil {
			return err
		}
		pause = goneRetry
	default:
		f.log.LogAttrs(ctx, slog.LevelWarn, "a channel could not be read, trying again",
			slog.Int("attempt", ch.fails), slog.String("error", err.Error()))
		pause = min(minRetry<<min(ch.fails-1, 10), goneRetry)
	}
	f.failed(ctx, ch, pause, false)
	return nil
}

func (f *feed) tellGone(ctx context.Context, ch *chat, key bridge.Key, reason string) error {
	if ch.gone {
		return nil
	}
	err := f.hand(ctx, &bridge.ChatGone{
		Meta: bridge.Meta{Chat: ch.id, Time: fromMillis(f.c.api.serverTime()), Key: key}, Reason: reason,
	})
	ch.gone = err == nil
	return err
}

func (f *feed) hand(ctx context.Context, evs ...bridge.Event) error {
	if err := f.sink.Deliver(ctx, evs...); err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return nil
}

// sweepOnce delivers everything that has happened in a channel since its
// position, and returns the new one.
func (f *feed) sweepOnce(ctx context.Context, ch *chat) (cursor, error) {
	if err := f.locate(ctx, ch); err != nil {
		return cursor{}, err
	}
	f.mu.Lock()
	look := ch.look
	ch.look = false
	f.mu.Unlock()
	closed, err := f.inspect(ctx, ch, look)
	if err != nil {
		f.mu.Lock()
		ch.look = ch.look || look
		f.mu.Unlock()
		return cursor{}, err
	}
	s := &sweep{feed: f, chat: ch, pos: ch.pos, telling: map[string]telling{}}
	err = s.run(ctx)
	ch.pos = s.pos // what was delivered is delivered
	if !closed {
		return s.pos, err
	}
	// What was written before the channel was archived comes first, if the server
	// still shows it.
	if status := statusOf(err); err != nil && status != http.StatusForbidden && status != http.StatusNotFound {
		return s.pos, err
	}
	return s.pos, f.tellGone(ctx, ch, goneKey(ch.id, ch.info.DeleteAt), "the channel was archived")
}

// locate reads the stored cursor when the channel comes up for the first time.
func (f *feed) locate(ctx context.Context, ch *chat) error {
	if ch.pos != (cursor{}) {
		return nil
	}
	if ch.stored != "" {
		pos, err := parseCursor(ch.stored)
		if err != nil {
			return err
		}
		ch.pos = pos
		return nil
	}
	// Linked without a position: from now on, and remembered at once.
	pos, err := f.c.position(ctx, ch.id)
	if err != nil {
		return err
	}
	change, err := f.chatChange(ctx, ch, "")
	if err != nil {
		return err
	}
	change.Cursor = pos.encode()
	if err := f.hand(ctx, change); err != nil {
		return err
	}
	ch.pos, ch.stored = pos, change.Cursor
	return nil
}

// inspect looks at the channel itself and tells whether it is archived.
func (f *feed) inspect(ctx context.Context, ch *chat, look bool) (closed bool, err error) {
	look = look || ch.info == nil
	if look {
		if ch.info, err = f.c.api.channel(ctx, string(ch.id)); err != nil {
			return false, err
		}
	}
	if ch.info.DeleteAt > 0 {
		return true, nil
	}
	if look {
		if err := f.c.api.joined(ctx, string(ch.id)); err != nil {
			return false, err
		}
	}
	if !ch.gone && ch.info.UpdateAt <= max(ch.told, ch.pos.from, ch.pos.at-overlap) {
		return false, nil
	}
	change, err := f.chatChange(ctx, ch, "")
	if err != nil {
		return false, err
	}
	if err := f.hand(ctx, change); err != nil {
		return false, err
	}
	ch.gone, ch.told = false, ch.info.UpdateAt
	return false, nil
}

// chatChange tells what a channel is like now. cause is the post that says that
// the login has come into it, "" when none.
func (f *feed) chatChange(ctx context.Context, ch *chat, cause string) (*bridge.ChatChange, error) {
	if ch.info == nil {
		var err error
		if ch.info, err = f.c.api.channel(ctx, string(ch.id)); err != nil {
			return nil, err
		}
	}
	info, err := f.c.chatInfo(ctx, ch.info)
	if err != nil {
		return nil, err
	}
	key := channelKey(ch.info)
	if cause != "" {
		key = bridge.Key("back:" + cause)
	}
	return &bridge.ChatChange{
		Meta: bridge.Meta{Chat: ch.id, Time: fromMillis(max(ch.info.UpdateAt, ch.info.CreateAt, 1)), Key: key}, Info: info,
	}, nil
}

// sweep reads one channel from pos on. pos moves with what is delivered.
type sweep struct {
	feed *feed
	chat *chat
	pos  cursor
	// known are messages in the overlap that the core has.
	known map[bridge.MessageID]bool
	// telling is what the events that are not delivered yet tell.
	telling map[string]telling
}

// run asks for all changes since the position. Where the answer cannot be
// trusted, it reads the channel post by post. An answer is trusted when it
// contains the canary and has not been cut.
func (s *sweep) run(ctx context.Context) error {
	if s.pos.id != "" && s.pos.walk <= s.pos.at {
		rows, err := s.feed.c.api.postsSince(ctx, string(s.chat.id), s.pos.at-overlap)
		if err != nil {
			return err
		}
		if s.trusted(rows) {
			return s.changes(ctx, rows)
		}
	}
	return s.walk(ctx)
}

func (s *sweep) trusted(rows []*model.Post) bool {
	return len(rows) < sinceLimit && slices.ContainsFunc(rows, func(p *model.Post) bool { return p.Id == s.pos.id })
}

// changes delivers a whole since answer, in the order of the posts' creation,
// and moves the position to its end.
func (s *sweep) changes(ctx context.Context, rows []*model.Post) error {
	before := textsBefore(rows, s.pos.at-overlap)
	rows = slices.DeleteFunc(rows, func(p *model.Post) bool { return p.OriginalId != "" })
	slices.SortFunc(rows, byCreation)
	s.feed.c.learnNames(ctx, textsOf(rows...)...)

	// rest[i] is the earliest change in rows[i:]: up to there all is delivered
	// once rows[:i] are.
	rest := make([]int64, len(rows)+1)
	rest[len(rows)] = 1<<63 - 1
	for i := len(rows) - 1; i >= 0; i-- {
		rest[i] = min(rest[i+1], rows[i].UpdateAt)
	}
	start, reached := s.pos, s.pos
	if err := s.skipKnown(ctx, rows); err != nil {
		return err
	}
	var evs []bridge.Event
	sent := 0
	for i, p := range rows {
		more, err := s.rowEvents(ctx, p, start, before)
		if err != nil {
			return err
		}
		evs = append(evs, more...)
		reached = reached.moved(p.Id, p.UpdateAt)
		last := i == len(rows)-1
		if !last && (len(evs) < chunk || rows[i+1].CreateAt == p.CreateAt) {
			continue
		}
		to := reached
		if to.at = min(to.at, rest[i+1]-1); to.at < start.at {
			to = start
		}
		if last && len(evs) == 0 && i-sent > sinceLimit/2 {
			// Nothing to tell in very many rows: remember that it has been read.
			change, err := s.feed.chatChange(ctx, s.chat, "")
			if err != nil {
				return err
			}
			evs = append(evs, change)
		}
		if err := s.commit(ctx, evs, to); err != nil {
			return err
		}
		if len(evs) > 0 {
			sent = i
		}
		evs = nil
	}
	return nil
}

// fewRepeats is how many messages are delivered again without asking the core
// first which it has; it drops them by their keys.
const fewRepeats = 50

// skipKnown asks the core what it has of the overlap, when that is much.
func (s *sweep) skipKnown(ctx context.Context, rows []*model.Post) error {
	from := s.pos.at - overlap
	repeats := 0
	for _, p := range rows {
		if p.CreateAt > from && p.CreateAt <= s.pos.seen() {
			repeats++
		}
	}
	if repeats <= fewRepeats {
		return nil
	}
	mapped, err := s.feed.sink.Mapped(ctx, s.chat.id, fromMillis(from))
	if err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	s.known = make(map[bridge.MessageID]bool, len(mapped))
	for _, id := range mapped {
		s.known[id] = true
	}
	return nil
}

// commit delivers events and moves the position with the last of them.
func (s *sweep) commit(ctx context.Context, evs []bridge.Event, to cursor) error {
	if len(evs) > 0 {
		evs[len(evs)-1].Head().Cursor = to.encode()
	}
	if err := s.tell(ctx, evs); err != nil {
		return err
	}
	if len(evs) > 0 {
		s.chat.stored = to.encode()
	}
	s.pos = to
	return nil
}

// rowEvents makes the events of a row: what it tells that start does not know.
func (s *sweep) rowEvents(ctx context.Context, p *model.Post, start cursor, before map[string]string) ([]bridge.Event, error) {
	known := start.at - overlap // every change up to here has been delivered
	if p.CreateAt <= start.from {
		return nil, nil
	}
	if letsUsIn(p, s.feed.me) && p.CreateAt > known && p.DeleteAt == 0 {
		change, err := s.feed.chatChange(ctx, s.chat, p.Id)
		if err != nil {
			return nil, err
		}
		return []bridge.Event{change}, nil
	}
	if !bridged(p) {
		return nil, nil
	}
	delivered := p.CreateAt <= start.seen() // it may have been
	now := telling{sum: textSum(source(p)), edit: p.EditAt, gone: p.DeleteAt > 0}
	if was, ok := s.feed.told.get(p.Id); ok && was == now {
		return nil, nil // delivered in this connection
	}
	s.telling[p.Id] = now
	if p.DeleteAt > 0 {
		if delivered && p.DeleteAt > known {
			return []bridge.Event{s.feed.c.removalEvent(p, p.DeleteAt)}, nil
		}
		return nil, nil
	}
	var evs []bridge.Event
	if p.CreateAt > known && !s.known[bridge.MessageID(p.Id)] {
		evs = append(evs, s.feed.c.messageEvent(p, s.feed.me))
	}
	if was, ok := before[p.Id]; delivered && p.EditAt > known && (!ok || was != now.sum) {
		if e := s.feed.c.editEvent(p, s.feed.me); e != nil {
			evs = append(evs, e)
		}
	}
	return evs, nil
}

// textsBefore tells what posts have said since a time besides what they say now,
// as far as the rows hold their history: an edit keeps the text that it replaced
// in a row of its own, deleted at the time of the edit. A post that has said two
// things, say A, B and A again, is left out: B may have been delivered.
func textsBefore(rows []*model.Post, since int64) map[string]string {
	sums := map[string]string{}
	unsteady := map[string]bool{}
	for _, p := range rows {
		if p.OriginalId == "" || p.DeleteAt <= since {
			continue
		}
		sum := textSum(source(p))
		if was, ok := sums[p.OriginalId]; ok && was != sum {
			unsteady[p.OriginalId] = true
		}
		sums[p.OriginalId] = sum
	}
	for id := range unsteady {
		delete(sums, id)
	}
	return sums
}

func textsOf(rows ...*model.Post) []string {
	texts := make([]string, 0, len(rows))
	for _, p := range rows {
		if text := source(p); strings.Contains(text, "@") {
			texts = append(texts, text)
		}
	}
	return texts
}

// byCreation orders posts as people saw them.
func byCreation(a, b *model.Post) int {
	return cmp.Or(cmp.Compare(a.CreateAt, b.CreateAt), cmp.Compare(a.Id, b.Id))
}
