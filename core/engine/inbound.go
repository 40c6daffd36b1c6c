package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// stepIn does an inbound item: network to Matrix.
func (e *Engine) stepIn(ctx context.Context, p *store.Portal, it store.Item, a queue.Attempt) queue.Outcome {
	ev, err := decodeEvent(it.Kind, it.Payload)
	if err != nil {
		return e.failed(ctx, it, a, fmt.Errorf("%w: %w", bridge.ErrRejected, err), nobodyToTell)
	}
	switch ev := ev.(type) {
	case *bridge.Message:
		e.resolveLinks(ctx, p, ev.Content)
		return e.messageIn(ctx, p, it, a, ev)
	case *bridge.Edit:
		e.resolveLinks(ctx, p, ev.Content)
		return e.editIn(ctx, p, it, a, ev)
	case *bridge.Removal:
		return e.removalIn(ctx, p, it, a, ev)
	case *bridge.Reactions:
		return e.reactionsIn(ctx, p, it, a, ev)
	case *bridge.ChatChange:
		return e.chatChanged(ctx, p, it, a, ev)
	case *bridge.ChatGone:
		return e.chatGone(ctx, p, it, ev)
	case *bridge.Members:
		return e.membersHinted(ctx, p, it, ev)
	case *bridge.UserChange:
		return e.userChanged(ctx, it, ev)
	}
	return drop(it, policy.DropType)
}

// messageIn sends a remote message into the portal's room, as the ghost of who
// wrote it.
func (e *Engine) messageIn(ctx context.Context, p *store.Portal, it store.Item, a queue.Attempt, m *bridge.Message) queue.Outcome {
	if m.Hop >= e.opts.Limits.MaxHops {
		return drop(it, policy.DropHops)
	}
	if m.Content == nil {
		m.Content = &event.MessageEventContent{MsgType: event.MsgText}
	}
	if m.Content.Body == "" && len(m.Files) == 0 {
		return drop(it, policy.DropEmpty)
	}
	known, err := e.st.LinkByRemote(ctx, p.ID, m.ID)
	switch {
	case err == nil && known.Removed:
		return drop(it, policy.DropRemoved)
	case err == nil:
		return drop(it, policy.DropOrigin)
	case !errors.Is(err, store.ErrNoRow):
		return retry(fmt.Errorf("look up message: %w", err))
	}
	if e.noteLoop(p.ID, true, m.Time) {
		return e.pauseLoop(ctx, p)
	}
	tell := func(why string) error { return e.tellRemote(ctx, p, it, why) }

	room, err := e.ensureRoom(ctx, p)
	if err != nil {
		return e.failed(ctx, it, a, err, tell)
	}
	who, err := e.speakerFor(ctx, p, room, m.Sender, !m.Program)
	if err != nil {
		return e.failed(ctx, it, a, err, tell)
	}
	e.sawWrite(p, m.Sender)
	if p.Direct() {
		if err := e.inviteAll(ctx, e.portals.id(p.ID)); err != nil {
			return retry(err)
		}
	}
	content := *m.Content
	link := store.Link{
		School: p.School, Bridge: p.Bridge, Portal: p.ID, Dir: store.DirIn, Key: it.Key, Kind: store.LinkMessage,
		Room: room, Remote: m.ID, At: m.Time,
	}
	again, err := e.relateIn(ctx, p, it, m, &content, &link)
	if err != nil {
		return retry(err)
	}
	if again {
		return queue.Outcome{Retry: &queue.Retry{Err: errTargetUnderWay, After: soon}}
	}
	if err := e.mention(ctx, p, room, m.Mentions, &content); err != nil {
		return retry(err)
	}
	if content.Mentions.Room, err = e.alertsRoom(ctx, p, room, who.as, m); err != nil {
		return retry(err)
	}

	d := &delivery{
		p: p, it: it, a: a, tell: tell, who: who, link: link, rel: content.RelatesTo, mentions: content.Mentions,
		to: intent.Send{
			Room: room, Type: event.EventMessage.Type, Marker: intent.Marker{Portal: p.ID, Hop: m.Hop}, Time: m.Time,
		},
	}
	out := e.partsIn(ctx, d, &content, m.Files)
	if out.Done != nil && out.Done.Verdict == store.Delivered {
		e.wrote(p, m.Sender, e.hs.GhostID(p.Bridge, m.Sender))
	}
	return out
}

var errTargetUnderWay = errors.New("waiting for the message that this one refers to")

// send sends an event once: after an uncertain attempt it looks for the marker
// before it sends again.
func (e *Engine) send(ctx context.Context, a queue.Attempt, it store.Item, s intent.Send) (id.EventID, error) {
	found, ok, err := e.look(ctx, a, it, s)
	if err != nil || ok {
		return found, err
	}
	return e.sendNow(ctx, a, it, s)
}

// look finds what an uncertain attempt may have sent. Without one there is
// nothing to find.
func (e *Engine) look(ctx context.Context, a queue.Attempt, it store.Item, s intent.Send) (id.EventID, bool, error) {
	if !a.Uncertain {
		return "", false, nil
	}
	found, ok, err := e.hs.Find(ctx, s.Room, s.As, s.Marker.ID, lookSince(it, s))
	if err != nil {
		return "", false, fmt.Errorf("look before resend: %w", err)
	}
	return found, ok, nil
}

// lookSince is how far back an item's event may be.
func lookSince(it store.Item, s intent.Send) time.Time {
	if !s.Time.IsZero() && s.Time.Before(it.Accepted) {
		return s.Time // the homeserver dates the event by it
	}
	return it.Accepted
}

// sendNow sends an event that is certainly not there.
func (e *Engine) sendNow(ctx context.Context, a queue.Attempt, it store.Item, s intent.Send) (id.EventID, error) {
	e.sending(it, a)
	eventID, err := e.hs.Send(ctx, s)
	if errors.Is(err, bridge.ErrForbidden) {
		e.ghosts.forget(s.Room, s.As)
	}
	return eventID, err
}

// relateIn puts the thread or reply relation into content. It reports true when
// the target may be mapped in a moment.
func (e *Engine) relateIn(ctx context.Context, p *store.Portal, it store.Item, m *bridge.Message,
	content *event.MessageEventContent, link *store.Link,
) (again bool, err error) {
	content.RelatesTo = nil
	find := func(remote bridge.MessageID) (store.Link, bool, error) {
		l, err := e.st.LinkByRemote(ctx, p.ID, remote)
		if errors.Is(err, store.ErrNoRow) || (err == nil && (l.Removed || l.Kind != store.LinkMessage)) {
			return l, false, nil
		}
		return l, err == nil, err
	}
	if m.Thread == "" && m.ReplyTo == "" {
		return false, nil
	}
	root, haveRoot, err := store.Link{}, false, error(nil)
	if m.Thread != "" {
		if root, haveRoot, err = find(m.Thread); err != nil {
			return false, fmt.Errorf("look up thread: %w", err)
		}
	}
	target, haveTarget, err := store.Link{}, false, error(nil)
	if m.ReplyTo != "" && m.ReplyTo != m.Thread {
		if target, haveTarget, err = find(m.ReplyTo); err != nil {
			return false, fmt.Errorf("look up reply: %w", err)
		}
	}
	missing := (m.Thread != "" && !haveRoot) || (m.ReplyTo != "" && m.ReplyTo != m.Thread && !haveTarget)
	if missing && e.waiting(it) && e.ranLately(lane(p, store.DirOut)) {
		return true, nil
	}
	// Nothing relates to an event of another room.
	if haveRoot && root.Room != link.Room {
		if root, haveRoot, err = e.threadIn(ctx, p, link.Room, m.Thread); err != nil {
			return false, fmt.Errorf("look up thread: %w", err)
		}
	}
	haveTarget = haveTarget && target.Room == link.Room
	switch {
	case haveRoot:
		rootEvent := root.Event
		if root.RootEvent != "" { // a thread's root cannot be a reply itself
			rootEvent = root.RootEvent
		}
		fallback := rootEvent
		if haveTarget {
			fallback = target.Event
		}
		content.RelatesTo = (&event.RelatesTo{}).SetThread(rootEvent, fallback)
		if haveTarget {
			content.RelatesTo.IsFallingBack = false
		}
		link.RootEvent, link.RootRemote = rootEvent, m.Thread
	case haveTarget:
		content.RelatesTo = (&event.RelatesTo{}).SetReplyTo(target.Event)
		link.RootRemote = m.Thread
	default:
		link.RootRemote = m.Thread
	}
	return false, nil
}

// mention sets m.mentions to those mentioned, at most maxPeople, and to nobody else:
// to people's own accounts where those are in the room, to ghosts elsewhere.
func (e *Engine) mention(ctx context.Context, p *store.Portal, room id.RoomID, users []bridge.UserID, content *event.MessageEventContent) error {
	set := map[id.UserID]struct{}{}
	for _, u := range users[:min(len(users), maxPeople)] {
		own, err := e.ownAccount(ctx, p, room, u)
		if err != nil {
			return err
		}
		if own != "" {
			set[own] = struct{}{}
		} else if g, err := e.ghosts.known(ctx, e.st, p.School, p.Bridge, u); err == nil {
			set[g.MXID] = struct{}{}
		}
	}
	content.Mentions = &event.Mentions{UserIDs: slices.Sorted(maps.Keys(set))}
	return nil
}
