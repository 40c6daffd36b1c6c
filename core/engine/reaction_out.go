package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// reactionOut carries a Matrix person's reaction to the network. Where all share
// one account there, only the first of an emoji shows.
func (e *Engine) reactionOut(ctx context.Context, p *store.Portal, l *login, it store.Item, a queue.Attempt, ev *matrixEvent) queue.Outcome {
	emoji, of := reactionKey(&ev.reaction, ev.Content), ev.reaction.RelatesTo.EventID
	if emoji == "" || of == "" {
		return drop(it, policy.DropEmpty)
	}
	if !l.caps.Reacts {
		return drop(it, policy.DropUnsupported)
	}
	if gone, err := e.st.LinkByEvent(ctx, p.ID, ev.ID); err == nil && gone.Removed {
		return drop(it, policy.DropRemoved)
	} else if err != nil && !errors.Is(err, store.ErrNoRow) {
		return retry(fmt.Errorf("look up reaction: %w", err))
	}
	if out := e.cameBack(ctx, p, it, ev); out != nil {
		return *out
	}
	target, err := e.st.LinkByEvent(ctx, p.ID, of)
	switch {
	case errors.Is(err, store.ErrNoRow):
		return e.noTarget(it)
	case err != nil:
		return retry(fmt.Errorf("look up event reacted to: %w", err))
	case target.Removed:
		return drop(it, policy.DropRemoved)
	}
	if l, err = e.accountFor(ctx, p, l, ev.Sender); err != nil {
		return e.failed(ctx, it, a, err, func(why string) error { return e.tellReaction(ctx, p, it, ev.Sender, why) })
	}
	r := store.Reaction{
		School: p.School, Bridge: p.Bridge, Portal: p.ID, Target: target.Remote, Dir: store.DirOut,
		Sender: ev.Sender, Emoji: emoji, Event: ev.ID, At: ev.sent(), User: l.puppet,
	}
	if err := e.showReaction(ctx, p, l, it, r, false); err != nil {
		return e.failed(ctx, it, a, err, func(why string) error { return e.tellReaction(ctx, p, it, ev.Sender, why) })
	}
	out := delivered(it, other(p, it, ev.ID, ev.Sender))
	out.Done.Reacted = []store.Reaction{r}
	return out
}

// unreactOut takes back a reaction whose Matrix event was redacted.
func (e *Engine) unreactOut(ctx context.Context, p *store.Portal, l *login, it store.Item, a queue.Attempt, ev *matrixEvent, r store.Reaction) queue.Outcome {
	switch {
	case r.Dir == store.DirIn && (ev.ours || r.Sender == ev.Sender): // or sent as a person's own account
		return drop(it, policy.DropOrigin)
	case r.Dir == store.DirIn:
		return drop(it, policy.DropForeign)
	}
	if !l.caps.Reacts {
		return drop(it, policy.DropUnsupported)
	}
	l, err := e.account(ctx, l, r.User)
	if err == nil {
		err = e.showReaction(ctx, p, l, it, r, true)
	}
	if err != nil && !errors.Is(err, bridge.ErrNotFound) && !errors.Is(err, bridge.ErrUnsupported) {
		return e.failed(ctx, it, a, err, nobodyToTell)
	}
	out := delivered(it, other(p, it, ev.ID, ev.Sender))
	out.Done.Unreacted = []store.Reaction{r}
	return out
}

// showReaction sets or takes back a reaction on the network, unless others show
// there through the same account with the same emoji.
func (e *Engine) showReaction(ctx context.Context, p *store.Portal, l *login, it store.Item, r store.Reaction, removed bool) error {
	if l.caps.SharedReactions {
		all, err := e.relayed(ctx, p, r.Target)
		if err != nil {
			return &bridge.TemporaryError{Err: err}
		}
		all = slices.DeleteFunc(all, func(o store.Reaction) bool { return o.Event == r.Event })
		after := all
		if !removed {
			after = append(slices.Clone(all), r)
		}
		if err := e.orderSummary(ctx, p, l, it, after, r.Target); err != nil {
			return &bridge.TemporaryError{Err: err}
		}
		if slices.ContainsFunc(all, func(o store.Reaction) bool { return o.Emoji == r.Emoji }) {
			return nil
		}
	}
	author, err := e.author(ctx, p, r.Sender)
	if err != nil {
		return err
	}
	reactor, ok := l.client.(bridge.Reactor)
	if !ok {
		return bridge.ErrUnsupported
	}
	return e.renewed(ctx, l, reactor.React(ctx, &bridge.OutgoingReaction{
		Key: outKey(it), Chat: p.Chat, Target: r.Target, Author: author, Emoji: r.Emoji, Removed: removed,
	}))
}

// relayed lists the reactions that the bridge's own account shows for Matrix people.
func (e *Engine) relayed(ctx context.Context, p *store.Portal, target bridge.MessageID) ([]store.Reaction, error) {
	all, err := e.st.Reactions(ctx, p.ID, target, store.DirOut)
	return slices.DeleteFunc(all, func(r store.Reaction) bool { return r.User != "" }), err
}
