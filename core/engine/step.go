package engine

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

var _ queue.Handler = (*Engine)(nil)

// Step does the work of one lane step.
func (e *Engine) Step(ctx context.Context, it store.Item, a queue.Attempt) queue.Outcome {
	a.Uncertain = a.Uncertain && !e.clean.is(it, a.N)
	out := e.step(ctx, it, a)
	e.clean.note(it, a, &out)
	return out
}

func (e *Engine) step(ctx context.Context, it store.Item, a queue.Attempt) queue.Outcome {
	switch {
	case it.Dir == store.DirControl:
		return e.stepControl(ctx, it, a)
	case it.Portal == 0:
		return e.stepPeople(ctx, it)
	}
	p := e.portals.id(it.Portal)
	if p == nil || p.Mode == store.ModeOff {
		return drop(it, policy.DropOff)
	}
	if !policy.Crosses(p.Mode, it.Dir) {
		return drop(it, policy.DropMode)
	}
	if it.Kind != kindChatChange && it.Kind != kindChatGone { // these may change what holds the others
		if p.Paused != "" {
			return queue.Outcome{Hold: p.Paused}
		}
		if it.Dir == store.DirIn && p.Room != "" && p.Applied != p.Mode {
			// The room may still be closed to all, or to us.
			e.poke()
			return queue.Outcome{Retry: &queue.Retry{Err: errModeUnderWay, After: soon}}
		}
		if why, err := e.guard(ctx, p); err != nil {
			return retry(err)
		} else if why != "" {
			return queue.Outcome{Hold: why}
		}
	}
	defer e.ran(it.LaneKey)
	e.ran(it.LaneKey)
	if it.Dir == store.DirIn {
		return e.stepIn(ctx, p, it, a)
	}
	return e.stepOut(ctx, p, it, a)
}

var errModeUnderWay = errors.New("waiting for the room to show the portal's mode")

// sending notes that the send of an item starts.
func (e *Engine) sending(it store.Item, a queue.Attempt) {
	if e.opts.Observe != nil && a.N == 0 && !it.Came.IsZero() {
		e.opts.Observe(it.Bridge, it.Dir, e.now().Sub(it.Came))
	}
}

// drop ends an item under a named policy.
func drop(it store.Item, name string) queue.Outcome {
	return queue.Outcome{Done: &store.Done{Item: it, Verdict: store.Dropped, Reason: name}}
}

// tomb drops an item and remembers that the message with this key was removed
// before it crossed.
func tomb(it store.Item, link store.Link) queue.Outcome {
	out := drop(it, policy.DropTarget)
	link.Kind, link.Removed = store.LinkMessage, true
	out.Done.Links = []store.Link{link}
	return out
}

func delivered(it store.Item, links ...store.Link) queue.Outcome {
	return queue.Outcome{Done: &store.Done{Item: it, Verdict: store.Delivered, Links: links}}
}

func retry(err error) queue.Outcome {
	r := &queue.Retry{Err: err}
	if t, ok := errors.AsType[*bridge.TemporaryError](err); ok {
		r.After, r.Shared = t.After, t.Shared
	}
	return queue.Outcome{Retry: r}
}

// failed turns the error of a send into the lane's next move. tell is called
// once, when the item becomes a dead letter.
func (e *Engine) failed(ctx context.Context, it store.Item, a queue.Attempt, err error, tell func(why string) error) queue.Outcome {
	switch bridge.Classify(err) {
	case bridge.ClassTemporary:
		return retry(mayHaveLanded(err))
	case bridge.ClassLoggedOut:
		return queue.Outcome{Hold: err.Error()}
	case bridge.ClassPermanent:
	case bridge.ClassUnknown:
		if a.N+1 < e.opts.Limits.UnknownAttempts {
			return retry(mayHaveLanded(err))
		}
	}
	if hold := e.refusedByTombstone(ctx, it, err); hold != "" {
		return queue.Outcome{Hold: hold}
	}
	if terr := tell(why(err)); terr != nil {
		return retry(fmt.Errorf("tell the sender: %w", terr))
	}
	e.log.LogAttrs(ctx, slog.LevelWarn, "dead letter", slog.Int64("portal", it.Portal),
		slog.String("dir", string(it.Dir)), slog.Int64("seq", it.Seq), slog.String("error", err.Error()))
	return queue.Outcome{Done: &store.Done{Item: it, Verdict: store.Dead, Reason: err.Error()}}
}

// nobodyToTell: what cannot cross is for the operator to see. Nobody has sent it, or
// who has, as with a reaction on the network, would be told in public.
func nobodyToTell(string) error { return nil }

// why says in a person's words why a message did not cross.
func why(err error) string {
	switch {
	case errors.Is(err, bridge.ErrTooLarge):
		return "tooLarge"
	case errors.Is(err, bridge.ErrForbidden):
		return "forbidden"
	case errors.Is(err, bridge.ErrNotFound):
		return "notFound"
	case errors.Is(err, bridge.ErrUnsupported):
		return "unsupported"
	}
	return "rejected"
}

// marker names the Matrix event of an inbound item: unique over the appservice,
// the same in every attempt. part tells several events of one item apart.
func marker(it store.Item, part string) string {
	h := sha256.New()
	for _, s := range []string{string(it.School), string(it.Bridge), strconv.FormatInt(it.Portal, 10), string(it.Dir), string(it.Key), part} {
		_, _ = h.Write([]byte(s)) // a hash never fails
		_, _ = h.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

// outKey is the key under which a Matrix event is sent to a network. It fits
// what networks take as IDs: 24 characters of [A-Za-z0-9_-].
func outKey(it store.Item) bridge.Key { return bridge.Key(marker(it, "")) }

// waiting reports whether an item is young enough to wait for its target.
func (e *Engine) waiting(it store.Item) bool {
	return e.now().Sub(it.Accepted) < e.opts.Limits.TargetWait
}

// soon is how long a step pauses for a commit that is under way in the portal's
// other lane.
const soon = 100 * time.Millisecond
