package engine

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// editIn makes the Matrix events of a remote message what the message is now.
func (e *Engine) editIn(ctx context.Context, p *store.Portal, it store.Item, a queue.Attempt, ev *bridge.Edit) queue.Outcome {
	target, err := e.st.LinkByRemote(ctx, p.ID, ev.Target)
	switch {
	case errors.Is(err, store.ErrNoRow):
		return e.noTarget(it)
	case err != nil:
		return retry(fmt.Errorf("look up edited message: %w", err))
	case target.Removed:
		return drop(it, policy.DropRemoved)
	case target.Dir != store.DirIn || target.Kind != store.LinkMessage:
		// Somebody on the network changed what a Matrix person wrote: Matrix lets
		// nobody but that person do so.
		return drop(it, policy.DropForeign)
	}
	return e.partsEdited(ctx, p, it, a, ev)
}

// other is the message map row of something that is no message itself.
func other(p *store.Portal, it store.Item, sent id.EventID, sender id.UserID) store.Link {
	return store.Link{
		School: p.School, Bridge: p.Bridge, Portal: p.ID, Dir: it.Dir, Key: it.Key, Kind: store.LinkOther,
		Room: p.Room, Event: sent, Sender: sender, At: it.Accepted,
	}
}

// noTarget handles an edit whose target is not known: it may be further back in
// the lane, or it never crossed.
func (e *Engine) noTarget(it store.Item) queue.Outcome {
	if e.waiting(it) {
		return queue.Outcome{Defer: &queue.Defer{After: soon}}
	}
	return drop(it, policy.DropTarget)
}

// removalIn redacts the Matrix events of a remote message, and of its replies when
// the network removed them along with it.
func (e *Engine) removalIn(ctx context.Context, p *store.Portal, it store.Item, a queue.Attempt, ev *bridge.Removal) queue.Outcome {
	_, err := e.st.LinkByRemote(ctx, p.ID, ev.Target)
	switch {
	case errors.Is(err, store.ErrNoRow):
		if e.waiting(it) && e.ranLately(lane(p, store.DirOut)) {
			return queue.Outcome{Defer: &queue.Defer{After: soon}}
		}
		// The message may still come, out of order: remember that it is gone.
		gone := other(p, it, "", "")
		gone.Remote = ev.Target
		return tomb(it, gone)
	case err != nil:
		return retry(fmt.Errorf("look up removed message: %w", err))
	}
	victims, err := e.st.LinksByRemote(ctx, p.ID, ev.Target)
	if err != nil {
		return retry(fmt.Errorf("look up parts of removed message: %w", err))
	}
	if ev.Cascade {
		replies, err := e.st.LinksInThread(ctx, p.ID, ev.Target)
		if err != nil {
			return retry(fmt.Errorf("look up replies of removed message: %w", err))
		}
		victims = append(victims, replies...)
	}
	var removed []store.Link
	moved := false
	for _, v := range victims {
		if v.Removed || v.Kind != store.LinkMessage {
			continue
		}
		if err := e.redact(ctx, it, v); err != nil {
			if v.Room != p.Room && bridge.Classify(err) == bridge.ClassPermanent {
				moved = true
				continue
			}
			return e.failed(ctx, it, a, err, nobodyToTell)
		}
		removed = append(removed, v)
	}
	switch {
	case len(removed) == 0 && moved:
		return drop(it, policy.DropMoved)
	case len(removed) == 0:
		return drop(it, policy.DropRemoved)
	}
	out := delivered(it, other(p, it, "", ""))
	out.Done.Removed = removed
	return out
}

// redact removes an event: as who sent it if that was for the network, else as the
// bot, which has the power where a moderator of the network removed what a Matrix
// person wrote. So does it where a person's own account is refused. Redacting twice is
// harmless.
func (e *Engine) redact(ctx context.Context, it store.Item, v store.Link) error {
	as := e.hs.Bot()
	if v.Dir == store.DirIn {
		as = e.redactAs(it, v.Sender)
	}
	r := intent.Redact{Room: v.Room, As: as, Target: v.Event, TxnID: marker(it, string(v.Event))}
	_, err := e.hs.Redact(ctx, r)
	if !e.hs.Ours(as) && bridge.Classify(err) == bridge.ClassPermanent && !errors.Is(err, bridge.ErrNotFound) {
		r.As = e.hs.Bot()
		_, err = e.hs.Redact(ctx, r)
	}
	if errors.Is(err, bridge.ErrNotFound) {
		return nil // it is gone already
	}
	return err
}
