package engine

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// editOut changes a message that this portal sent to the network.
func (e *Engine) editOut(ctx context.Context, p *store.Portal, l *login, it store.Item, a queue.Attempt, ev *matrixEvent, of id.EventID) queue.Outcome {
	target, err := e.st.LinkByEvent(ctx, p.ID, of)
	switch {
	case errors.Is(err, store.ErrNoRow):
		return e.noTarget(it)
	case err != nil:
		return retry(fmt.Errorf("look up edited event: %w", err))
	case target.Removed:
		return drop(it, policy.DropRemoved)
	case target.Dir == store.DirIn && (ev.ours || ev.copied.Item != ""): // or sent as a person's own account
		return drop(it, policy.DropOrigin)
	case target.Dir != store.DirOut, target.Kind != store.LinkMessage, target.Sender != ev.Sender:
		return drop(it, policy.DropForeign)
	}
	content := ev.message.NewContent
	if content == nil {
		return drop(it, policy.DropEmpty)
	}
	l, err = e.account(ctx, l, target.Puppet)
	if err != nil {
		return retry(err)
	}
	editor, ok := l.client.(bridge.Editor)
	if !ok {
		return drop(it, policy.DropUnsupported)
	}
	m, err := e.outgoing(ctx, p, l, it, a, ev, content)
	if err != nil {
		return retry(err)
	}
	if isFile(content) && target.File == "" { // it went without its file
		_, f := splitFile(content)
		m.Content = withLine(m.Content, fileLine(f.Name, f.Size))
	}
	err = editor.Edit(ctx, &bridge.OutgoingEdit{Outgoing: *m, Target: target.Remote})
	if err = e.renewed(ctx, l, err); err != nil {
		return e.failed(ctx, it, a, err, func(why string) error { return e.tellMatrix(ctx, p, it, ev.Sender, why) })
	}
	return delivered(it, other(p, it, ev.ID, ev.Sender))
}

// redactionOut deletes a message or reaction that this portal sent to the network.
func (e *Engine) redactionOut(ctx context.Context, p *store.Portal, l *login, it store.Item, a queue.Attempt, ev *matrixEvent) queue.Outcome {
	if ev.Redacts == "" {
		return drop(it, policy.DropEmpty)
	}
	target, err := e.st.LinkByEvent(ctx, p.ID, ev.Redacts)
	if errors.Is(err, store.ErrNoRow) {
		r, rerr := e.st.ReactionByEvent(ctx, p.ID, ev.Redacts)
		if rerr == nil {
			return e.unreactOut(ctx, p, l, it, a, ev, r)
		} else if !errors.Is(rerr, store.ErrNoRow) {
			return retry(fmt.Errorf("look up redacted reaction: %w", rerr))
		}
	}
	switch {
	case errors.Is(err, store.ErrNoRow):
		if e.waiting(it) && e.ranLately(lane(p, store.DirIn)) {
			return queue.Outcome{Defer: &queue.Defer{After: soon}}
		}
		// The homeserver may push the message later than the bot's /sync told of its
		// redaction: remember that it is gone.
		gone := other(p, it, ev.Redacts, ev.Sender)
		return tomb(it, gone)
	case err != nil:
		return retry(fmt.Errorf("look up redacted event: %w", err))
	case target.Removed:
		return drop(it, policy.DropRemoved)
	case target.Dir == store.DirIn && (ev.ours || target.Sender == ev.Sender): // or sent as a person's own account
		return drop(it, policy.DropOrigin)
	case target.Dir != store.DirOut, target.Kind != store.LinkMessage:
		return drop(it, policy.DropForeign)
	}
	if l, err = e.account(ctx, l, target.Puppet); err != nil {
		return retry(err)
	}
	remover, ok := l.client.(bridge.Remover)
	if !ok {
		return drop(it, policy.DropUnsupported)
	}
	err = remover.Remove(ctx, &bridge.OutgoingRemoval{
		Key: outKey(it), Chat: p.Chat, Target: target.Remote, Author: bridge.Author{ID: ev.Sender, Name: ev.Sender.Localpart()},
	})
	if err = e.renewed(ctx, l, err); err != nil && !errors.Is(err, bridge.ErrNotFound) {
		return e.failed(ctx, it, a, err, func(why string) error { return e.tellMatrix(ctx, p, it, ev.Sender, why) })
	}
	out := delivered(it, other(p, it, ev.ID, ev.Sender))
	out.Done.Removed = []store.Link{target}
	return out
}
