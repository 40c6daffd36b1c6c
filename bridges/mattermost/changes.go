package mattermost

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

// sweep reads one channel from pos on. pos moves with what is delivered.
type sweep struct {
	feed *feed
	chat *chat
	pos  cursor
	// known are messages in the overlap that the core has.
	known map[bridge.MessageID]bool
	// telling is what the events that are not delivered yet tell.
	telling map[string]telling
	// reacted is the same of reactions.
	reacted map[string]string
}

// run asks for all changes since the position. Where the answer cannot be
// trusted, it reads the channel post by post. An answer is trusted when it
// contains the canary and has not been cut.
func (s *sweep) run(ctx context.Context) error {
	if s.pos.id != "" && s.pos.walk <= s.pos.at {
		rows, err := s.feed.c.api.postsSince(ctx, string(s.chat.id), s.pos.at-s.feed.c.overlap)
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
	before := textsBefore(rows, s.pos.at-s.feed.c.overlap)
	rows = slices.DeleteFunc(rows, func(p *model.Post) bool { return p.OriginalId != "" })
	slices.SortFunc(rows, byCreation)
	s.feed.c.learn(ctx, rows...)

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
	s.tellPins(rows, start.at-s.feed.c.overlap)
	return nil
}

// fewRepeats is how many messages are delivered again without asking the core
// first which it has; it drops them by their keys.
const fewRepeats = 50

// skipKnown asks the core what it has of the overlap, when that is much.
func (s *sweep) skipKnown(ctx context.Context, rows []*model.Post) error {
	from := s.pos.at - s.feed.c.overlap
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
	evs, err := s.postEvents(ctx, p, start, before)
	if err != nil {
		return nil, err
	}
	if ev := s.rowReactions(p, start); ev != nil {
		evs = append(evs, ev)
	}
	return evs, nil
}

// postEvents makes those of the post itself.
func (s *sweep) postEvents(ctx context.Context, p *model.Post, start cursor, before map[string]string) ([]bridge.Event, error) {
	known := start.at - s.feed.c.overlap // every change up to here has been delivered
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
	if hint := memberEvent(p, s.feed.me); hint != nil && p.CreateAt > known && p.DeleteAt == 0 {
		return []bridge.Event{hint}, nil
	}
	if !bridged(p) {
		return nil, nil
	}
	delivered := p.CreateAt <= start.seen() // it may have been
	now := telling{sum: postSum(p), edit: p.EditAt, gone: p.DeleteAt > 0}
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
		sum := postSum(p)
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
		if text := postText(p); strings.Contains(text, "@") {
			texts = append(texts, text)
		}
	}
	return texts
}

// byCreation orders posts as people saw them.
func byCreation(a, b *model.Post) int {
	return cmp.Or(cmp.Compare(a.CreateAt, b.CreateAt), cmp.Compare(a.Id, b.Id))
}
