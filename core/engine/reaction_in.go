package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// reactionsIn makes the ghosts' reactions to a message what the network says. What
// can never cross of it does not keep the rest from crossing.
func (e *Engine) reactionsIn(ctx context.Context, p *store.Portal, it store.Item, a queue.Attempt, ev *bridge.Reactions) queue.Outcome {
	target, err := e.st.LinkByRemote(ctx, p.ID, ev.Target)
	switch {
	case errors.Is(err, store.ErrNoRow) && len(ev.Present) == 0:
		return drop(it, policy.DropTarget)
	case errors.Is(err, store.ErrNoRow):
		return e.noTarget(it)
	case err != nil:
		return retry(fmt.Errorf("look up message reacted to: %w", err))
	case target.Removed:
		return drop(it, policy.DropRemoved)
	}
	have, err := e.st.Reactions(ctx, p.ID, ev.Target, store.DirIn)
	if err != nil {
		return retry(err)
	}
	if err := e.withoutPuppets(ctx, p, ev); err != nil {
		return retry(err)
	}
	gone, missing := e.compareReactions(p, ev, have)
	out := delivered(it, other(p, it, "", ""))
	var never error
	for _, r := range gone {
		if err := e.unreact(ctx, it, target.Room, r); bridge.Classify(err) != bridge.ClassPermanent && err != nil {
			return e.failed(ctx, it, a, err, nobodyToTell)
		}
		out.Done.Unreacted = append(out.Done.Unreacted, r)
	}
	for _, m := range missing {
		r, err := e.react(ctx, p, it, a, target, m)
		switch {
		case err == nil:
			out.Done.Reacted = append(out.Done.Reacted, r)
		case bridge.Classify(err) == bridge.ClassPermanent,
			bridge.Classify(err) == bridge.ClassUnknown && a.N+1 >= e.opts.Limits.UnknownAttempts:
			never = err
		case len(out.Done.Reacted) > 0:
			return retry(&landedError{err}) // the next attempt must look for those that are there
		default:
			return e.failed(ctx, it, a, err, nobodyToTell)
		}
	}
	switch {
	case never != nil && target.Room != p.Room && bridge.Classify(never) == bridge.ClassPermanent:
		out.Done.Verdict, out.Done.Reason, out.Done.Links = store.Dropped, policy.DropMoved, nil
	case never != nil:
		dead := e.failed(ctx, it, a, never, nobodyToTell)
		out.Done.Verdict, out.Done.Reason, out.Done.Links = dead.Done.Verdict, dead.Done.Reason, nil
	}
	return out
}

// withoutPuppets leaves out what Matrix people hold through accounts of their own.
func (e *Engine) withoutPuppets(ctx context.Context, p *store.Portal, ev *bridge.Reactions) error {
	l, ok := e.logins[p.Bridge]
	if !ok {
		return nil
	}
	var failed error
	ev.Present = slices.DeleteFunc(ev.Present, func(r bridge.Reaction) bool {
		own, err := e.standsFor(ctx, l, r.User)
		failed = errors.Join(failed, err)
		return own != ""
	})
	return failed
}

// compareReactions tells what of the network's state Matrix lacks, and what it has
// too much.
func (e *Engine) compareReactions(p *store.Portal, ev *bridge.Reactions, have []store.Reaction) (gone []store.Reaction, missing []bridge.Reaction) {
	type who struct {
		sender id.UserID
		emoji  string
	}
	of := func(u bridge.UserID, emoji string) who { return who{e.hs.GhostID(p.Bridge, u), plainEmoji(emoji)} }
	present := map[who]bool{}
	for _, r := range ev.Present {
		if r.User != "" && r.Emoji != "" && (ev.Sender == "" || r.User == ev.Sender) {
			present[of(r.User, r.Emoji)] = true
		}
	}
	there := map[who]bool{}
	for _, r := range have {
		k := who{r.Sender, r.Emoji}
		if r.User != "" { // sent as that person's own account
			k = of(r.User, r.Emoji)
		}
		if ev.Sender != "" && k.sender != e.hs.GhostID(p.Bridge, ev.Sender) {
			continue
		}
		if there[k] = true; !present[k] {
			gone = append(gone, r)
		}
	}
	for _, r := range ev.Present {
		if k := of(r.User, r.Emoji); present[k] && !there[k] {
			there[k] = true
			missing = append(missing, r)
		}
	}
	slices.SortStableFunc(missing, func(a, b bridge.Reaction) int { return a.Time.Compare(b.Time) })
	return gone, missing
}

// react sends one reaction, as the person's own account or as the ghost.
func (e *Engine) react(ctx context.Context, p *store.Portal, it store.Item, a queue.Attempt, target store.Link, r bridge.Reaction) (store.Reaction, error) {
	emoji := plainEmoji(r.Emoji)
	who, err := e.reactor(ctx, p, target, r.User, emoji)
	if err != nil {
		return store.Reaction{}, err
	}
	mark := intent.Marker{ID: marker(it, string(r.User)+" "+emoji), Portal: p.ID}
	to := intent.Send{
		Room: target.Room, Type: event.EventReaction.Type,
		Content: &event.ReactionEventContent{
			RelatesTo: event.RelatesTo{Type: event.RelAnnotation, EventID: target.Event, Key: matrixEmoji(emoji)},
		},
		Marker: mark, TxnID: mark.ID, Time: r.Time,
	}
	sent, by, ok, err := e.lookAs(ctx, a, it, &who, to)
	if err == nil && !ok {
		sent, err = e.sendAs(ctx, a, it, &who, to)
		by = who.as
	}
	row := store.Reaction{
		School: p.School, Bridge: p.Bridge, Portal: p.ID, Target: target.Remote, Dir: store.DirIn,
		Sender: by, Emoji: emoji, Event: sent, At: r.Time,
	}
	if !e.hs.Ours(by) {
		row.User = r.User
	}
	return row, err
}

// reactor is as whom a network person reacts. An account that shows the emoji already,
// because the person has reacted on Matrix, cannot show it twice.
func (e *Engine) reactor(ctx context.Context, p *store.Portal, target store.Link, user bridge.UserID, emoji string) (speaker, error) {
	who, err := e.speakerFor(ctx, p, target.Room, user, true)
	if err != nil || !who.own {
		return who, err
	}
	for _, dir := range []store.Dir{store.DirOut, store.DirIn} {
		have, err := e.st.Reactions(ctx, p.ID, target.Remote, dir)
		if err != nil {
			return who, &bridge.TemporaryError{Err: err}
		}
		if slices.ContainsFunc(have, func(r store.Reaction) bool { return r.Sender == who.as && r.Emoji == emoji }) {
			who.as, err = who.ghost(ctx)
			who.own = false
			return who, err
		}
	}
	return who, nil
}

// unreact takes one reaction back. Doing so twice is harmless.
func (e *Engine) unreact(ctx context.Context, it store.Item, room id.RoomID, r store.Reaction) error {
	if r.Event == "" {
		return nil
	}
	return e.redact(ctx, it, store.Link{Room: room, Dir: r.Dir, Sender: r.Sender, Event: r.Event})
}
