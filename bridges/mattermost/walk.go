package mattermost

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	// mappedBack is how far before the gap messages are checked for edits and
	// deletions when the channel has to be read post by post.
	mappedBack = 30 * 24 * time.Hour
	// maxRounds bounds the walks of one sweep of a channel that is so busy that
	// each walk is followed by another cut answer.
	maxRounds = 3
)

var errBusy = errors.New("the channel changes faster than it can be read")

// walk reads a gap post by post. New posts come in the order of their creation
// and in bounded memory; edits and deletions of older ones are found by asking
// for the messages that the core knows. What changes while the walk goes on is
// found by one more since answer, which reaches back to the walk's beginning. If
// that is cut, too, since very much has happened within the overlap, the overlap
// is walked once more instead, and the answer need not reach over it.
func (s *sweep) walk(ctx context.Context) error {
	back := s.feed.c.overlap
	for range maxRounds {
		newest, err := s.feed.c.api.newestPosts(ctx, string(s.chat.id), 1)
		if err != nil {
			return err
		}
		if len(newest) == 0 {
			return s.checkMapped(ctx) // all posts are gone, or there was never one
		}
		top := newest[0]
		if err := s.checkMapped(ctx); err != nil {
			return err
		}
		if err := s.forward(ctx); err != nil {
			return err
		}
		// All changes before the walk are known now.
		s.pos.at, s.pos.id = max(s.pos.at, top.CreateAt), top.Id
		rows, err := s.feed.c.api.postsSince(ctx, string(s.chat.id), s.pos.at-back)
		if err != nil {
			return err
		}
		if s.trusted(rows) {
			s.feed.sink.PinsChanged(s.chat.id) // in a gap this long they may well have
			return s.changes(ctx, rows)
		}
		back = 1
	}
	return &bridge.TemporaryError{Err: errBusy}
}

// bound is the time up to which all posts have been delivered.
func (s *sweep) bound() int64 { return max(s.pos.seen()-s.feed.c.overlap, s.pos.from) }

// forward delivers the posts after the bound.
func (s *sweep) forward(ctx context.Context) error {
	anchor, page, err := s.anchor(ctx)
	if err != nil {
		return err
	}
	bound := s.bound()
	for {
		page = slices.DeleteFunc(page, func(p *model.Post) bool { return p.CreateAt <= bound })
		if err := s.posts(ctx, page); err != nil {
			return err
		}
		if page, err = s.feed.c.api.postsAfter(ctx, string(s.chat.id), anchor.Id); err != nil {
			return err
		}
		slices.SortFunc(page, byCreation)
		if len(page) < pageSize {
			return s.posts(ctx, slices.DeleteFunc(page, func(p *model.Post) bool { return p.CreateAt <= bound }))
		}
		anchor = pageAnchor(page)
	}
}

// anchor goes back from the newest post and returns one from which the walk can
// begin: every post after the bound was created after it, but for those returned
// with it, oldest first.
func (s *sweep) anchor(ctx context.Context) (*model.Post, []*model.Post, error) {
	bound := s.bound()
	page, err := s.feed.c.api.newestPosts(ctx, string(s.chat.id), pageSize)
	for {
		if err != nil {
			return nil, nil, err
		}
		if len(page) == 0 {
			return nil, nil, errMoved
		}
		for _, p := range page {
			if p.CreateAt <= bound {
				return p, nil, nil
			}
		}
		last := page[len(page)-1]
		if len(page) < pageSize { // the channel's first post
			same := slices.DeleteFunc(page, func(p *model.Post) bool { return p.CreateAt != last.CreateAt })
			slices.SortFunc(same, byCreation)
			return last, same, nil
		}
		page, err = s.feed.c.api.postsBefore(ctx, string(s.chat.id), pageAnchor(page).Id)
	}
}

// errMoved: posts went away while they were read. The next sweep sees it right.
var errMoved error = &bridge.TemporaryError{Err: errors.New("the channel has changed while it was read")}

// posts delivers one page of a walk, oldest first.
func (s *sweep) posts(ctx context.Context, page []*model.Post) error {
	if err := s.skipKnown(ctx, page); err != nil {
		return err
	}
	s.feed.c.learn(ctx, page...)
	start, to := s.pos, s.pos
	var evs []bridge.Event
	for _, p := range page {
		more, err := s.rowEvents(ctx, p, start, nil)
		if err != nil {
			return err
		}
		evs = append(evs, more...)
		to.walk = max(to.walk, p.CreateAt)
	}
	return s.commit(ctx, evs, to)
}

// checkMapped finds the edits and deletions of the messages that the core knows.
func (s *sweep) checkMapped(ctx context.Context) error {
	mapped, err := s.feed.sink.Mapped(ctx, s.chat.id, fromMillis(s.pos.at).Add(-mappedBack))
	if err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	mapped = slices.DeleteFunc(mapped, func(id bridge.MessageID) bool { return !validID(string(id)) })
	for part := range slices.Chunk(mapped, maxIDs) {
		if err := s.checkPart(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (s *sweep) checkPart(ctx context.Context, part []bridge.MessageID) error {
	ids := make([]string, len(part))
	for i, id := range part {
		ids[i] = string(id)
	}
	found, err := s.feed.c.api.postsByIDs(ctx, ids)
	if err != nil && statusOf(err) != http.StatusNotFound {
		return err
	}
	present := make(map[string]bool, len(found))
	s.feed.c.learn(ctx, found...)
	slices.SortFunc(found, byCreation)
	known := s.pos.at - s.feed.c.overlap
	var evs []bridge.Event
	for _, p := range found {
		present[p.Id] = true
		if ev := s.rowReactions(p, s.pos); ev != nil {
			evs = append(evs, ev)
		}
		now := telling{sum: postSum(p), edit: p.EditAt}
		if was, ok := s.feed.told.get(p.Id); ok && was == now || p.EditAt <= known || p.DeleteAt > 0 || !bridged(p) {
			continue
		}
		if e := s.feed.c.editEvent(p, s.feed.me); e != nil {
			s.telling[p.Id] = now
			evs = append(evs, e)
		}
	}
	for _, id := range ids {
		if present[id] {
			continue
		}
		// Ask once more: a removal cannot be taken back.
		switch _, err := s.feed.c.api.post(ctx, id); {
		case statusOf(err) == http.StatusNotFound:
			s.telling[id] = telling{gone: true}
			evs = append(evs, s.feed.c.removalEvent(&model.Post{Id: id, ChannelId: string(s.chat.id)}, s.feed.c.api.serverTime()))
		case err != nil:
			return err
		}
	}
	return s.tell(ctx, evs)
}

// tell delivers events that do not move the position.
func (s *sweep) tell(ctx context.Context, evs []bridge.Event) error {
	if len(evs) > 0 {
		if err := s.feed.hand(ctx, evs...); err != nil {
			return err
		}
	}
	for id, now := range s.telling {
		s.feed.told.put(id, now)
	}
	clear(s.telling)
	for id, now := range s.reacted {
		s.feed.reacted.put(id, now)
	}
	clear(s.reacted)
	return nil
}
