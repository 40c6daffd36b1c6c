package matrix

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"github.com/steg-bridge/steg/core/intent"
)

const (
	pollTime  = 30 * time.Second
	pollSlack = 45 * time.Second // what an answer may take beyond pollTime
	// keepAlive is how often a position without news is stored, so that its time
	// stays near.
	keepAlive = 5 * time.Minute
	// typingPause follows an answer that told only who is typing: many people who
	// type must not keep the homeserver busy with our questions.
	typingPause = 250 * time.Millisecond
)

// Sync reads the bot's /sync and gives what it brings to inbox, until ctx ends;
// then it returns nil. The position moves only together with a commit of the
// inbox. Failures are logged and tried again after a pause of 1 to 30 s.
func (s *Service) Sync(ctx context.Context, inbox Inbox) error {
	s.doubt.raise()
	defer s.doubt.settle()
	pause := pauser{}
	var at position
	var past trail
	refused := 0 // answers in a row that were none
	for ctx.Err() == nil {
		from := at
		if s.doubt.exists() && past.back.token != "" {
			from = past.back
		}
		next, err := s.syncStep(ctx, inbox, from)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			if answer, ok := errors.AsType[*ResponseError](err); !ok || answer.Status != http.StatusInternalServerError {
				s.doubt.raise()
			} else if refused++; refused >= doubtTries && s.doubt.exists() {
				// Dendrite cannot answer when a message is nested very deeply, which
				// anybody can write. What nobody pushes must still come.
				s.log.LogAttrs(ctx, slog.LevelWarn, "the homeserver cannot tell all that was said, going on with what it pushes")
				s.doubt.settle()
			}
			s.log.LogAttrs(ctx, slog.LevelWarn, "sync failed, trying again", slog.Any("error", err))
			pause.waitOr(ctx, s.reach.resync)
			continue
		}
		pause.reset()
		refused, at = 0, next
		past.add(next, s.now())
		s.doubt.settle()
	}
	return nil
}

// syncStep makes one step from at, which is the zero position at first.
func (s *Service) syncStep(ctx context.Context, inbox Inbox, at position) (position, error) {
	if at.token == "" {
		if err := s.EnsureGhost(ctx, s.bot); err != nil {
			return at, err
		}
		stored, err := inbox.SyncToken(ctx)
		if err != nil {
			return at, err
		}
		if at = parsePosition(stored); at.token == "" {
			return s.startSync(ctx, inbox, at)
		}
	}
	answer, err := s.sync(ctx, at.token, s.syncFilter(), s.doubt.exists())
	if hasStatus(err, http.StatusBadRequest, "") || hasStatus(err, http.StatusNotFound, "") {
		s.log.LogAttrs(ctx, slog.LevelWarn, "the homeserver no longer knows the sync position, starting anew and looking back", slog.Any("error", err))
		return s.startSync(ctx, inbox, at)
	}
	if err != nil {
		return at, err
	}
	return s.takeSync(ctx, inbox, at, answer)
}

// takeSync gives one answer of /sync to the inbox.
func (s *Service) takeSync(ctx context.Context, inbox Inbox, at position, answer []byte) (position, error) {
	root := gjson.ParseBytes(answer)
	next := position{token: root.Get("next_batch").String(), at: s.now()}
	if next.token == "" {
		return at, errNotMatrix
	}
	evs, err := s.syncedEvents(ctx, root, at)
	if err != nil {
		return at, err
	}
	if len(evs) > 0 || (next.token != at.token && at.at.IsZero()) || next.at.Sub(at.at) >= keepAlive {
		if err := accept(ctx, inbox, evs, next); err != nil {
			return at, err
		}
	} else {
		next.at = at.at // not stored
	}
	if s.ephemeralOf(ctx, inbox, root) > 0 && len(evs) == 0 {
		sleep(ctx, typingPause)
	}
	return next, nil
}

// syncedEvents collects timeline events, oldest first within a room, with what a
// limited timeline left out, and invites.
func (s *Service) syncedEvents(ctx context.Context, root gjson.Result, at position) ([]intent.Event, error) {
	var evs []intent.Event
	var failed error
	eachRoom(root.Get("rooms.join"), func(room roomKey, joined gjson.Result) bool {
		timeline := joined.Get("timeline")
		if timeline.Get("limited").Bool() && timeline.Get("prev_batch").String() != "" {
			missed, err := s.missed(ctx, room, timeline.Get("prev_batch").String(), at, s.wanted())
			if err != nil {
				failed = err
				return false
			}
			evs = append(evs, missed...)
		}
		timeline.Get("events").ForEach(func(_, raw gjson.Result) bool {
			if ev, ok := eventOf(raw, room, intent.SourceSync); ok && slices.Contains(crossingTypes(), ev.Type) {
				evs = append(evs, ev)
			}
			return true
		})
		return true
	})
	if failed != nil {
		return nil, failed
	}
	return append(evs, s.invites(root)...), nil
}

// ephemeralOf hands on what an answer tells besides events, and counts it.
func (s *Service) ephemeralOf(ctx context.Context, inbox Inbox, root gjson.Result) (n int) {
	eachRoom(root.Get("rooms.join"), func(room roomKey, joined gjson.Result) bool {
		joined.Get("ephemeral.events").ForEach(func(_, ev gjson.Result) bool {
			if typ := text(ev.Get("type")); ephemeralType(typ) {
				inbox.Ephemeral(ctx, room, typ, []byte(ev.Get("content").Raw))
				n++
			}
			return true
		})
		return true
	})
	return n
}

// sync makes one request; since "" does not wait, nor does one in haste.
func (s *Service) sync(ctx context.Context, since, filter string, haste bool) ([]byte, error) {
	query := url.Values{"filter": {filter}, "set_presence": {"offline"}}
	if since != "" {
		query.Set("since", since)
		if !haste {
			query.Set("timeout", strconv.FormatInt(pollTime.Milliseconds(), 10))
		}
	}
	return s.do(ctx, request{
		op: "sync", method: http.MethodGet, as: s.bot, query: query, path: path(clientV3, "sync"),
		timeout: max(pollTime+pollSlack, s.opts.HTTPTimeout), slow: true,
	})
}
