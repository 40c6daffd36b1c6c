package mattermost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	// defaultOverlap is how many milliseconds before the cursor a sweep begins. A
	// change is stamped before it is committed, so an earlier stamp may appear
	// later.
	defaultOverlap = int64(10_000)
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
	s := &sweep{feed: f, chat: ch, pos: ch.pos, telling: map[string]telling{}, reacted: map[string]string{}}
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
	team, err := f.c.teamOf(ctx, ch.info)
	if err != nil {
		return s.pos, err
	}
	at, why := closedAt(ch.info, team)
	if at == 0 { // restored meanwhile: the next sweep tells
		return s.pos, nil
	}
	return s.pos, f.tellGone(ctx, ch, goneKey(ch.id, at), why)
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
	team, err := f.c.teamOf(ctx, ch.info)
	if err != nil {
		return false, err
	}
	if at, _ := closedAt(ch.info, team); at > 0 {
		return true, nil
	}
	if look {
		if err := f.c.api.joined(ctx, string(ch.id)); err != nil {
			return false, err
		}
	}
	if !ch.gone && lastChange(ch.info, team) <= max(ch.told, ch.pos.from, ch.pos.at-f.c.overlap) {
		return false, nil
	}
	change, err := f.chatChange(ctx, ch, "")
	if err != nil {
		return false, err
	}
	if err := f.hand(ctx, change); err != nil {
		return false, err
	}
	ch.gone, ch.told = false, lastChange(ch.info, team)
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
	team, err := f.c.teamOf(ctx, ch.info)
	if err != nil {
		return nil, err
	}
	key := channelKey(ch.info, team)
	if cause != "" {
		key = bridge.Key("back:" + cause)
	}
	return &bridge.ChatChange{
		Meta: bridge.Meta{Chat: ch.id, Time: fromMillis(max(ch.info.UpdateAt, ch.info.CreateAt, 1)), Key: key}, Info: info,
	}, nil
}
