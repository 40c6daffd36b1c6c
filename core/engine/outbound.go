package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// matrixEvent is the part of a Matrix event that crossing needs.
type matrixEvent struct {
	ID      id.EventID      `json:"event_id"`
	Room    id.RoomID       `json:"room_id"`
	Type    string          `json:"type"`
	Sender  id.UserID       `json:"sender"`
	Time    int64           `json:"origin_server_ts"` // milliseconds
	Redacts id.EventID      `json:"redacts"`          // room versions before 11
	Content json.RawMessage `json:"content"`

	message  event.MessageEventContent
	reaction event.ReactionEventContent
	marker   intent.Marker // only of our own events
	copied   intent.Marker // of others, who may have copied it: see double_echo.go
	ours     bool
}

func (ev *matrixEvent) sent() time.Time { return time.UnixMilli(ev.Time) }

// parseMatrix reads a stored Matrix event. A content that is not of the form its
// type has is an error: it will never cross.
func (e *Engine) parseMatrix(raw []byte) (*matrixEvent, error) {
	ev := &matrixEvent{}
	if err := json.Unmarshal(raw, ev); err != nil {
		return nil, fmt.Errorf("%w: the event is malformed", bridge.ErrRejected)
	}
	if ev.ours = e.hs.Ours(ev.Sender); ev.ours {
		ev.marker, _ = markerOf(raw)
	} else {
		ev.copied, _ = markerOf(raw)
	}
	switch ev.Type {
	case event.EventMessage.Type, event.EventSticker.Type:
		err := json.Unmarshal(ev.Content, &ev.message)
		if err != nil { // perhaps only what it says of its file
			ev.message = event.MessageEventContent{}
			err = json.Unmarshal(withoutInfo(ev.Content), &ev.message)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: the message's content is malformed", bridge.ErrRejected)
		}
	case event.EventReaction.Type:
		if err := json.Unmarshal(ev.Content, &ev.reaction); err != nil {
			return nil, fmt.Errorf("%w: the reaction's content is malformed", bridge.ErrRejected)
		}
	case event.EventRedaction.Type:
		var c struct {
			Redacts id.EventID `json:"redacts"` // room version 11 and later
		}
		if json.Unmarshal(ev.Content, &c) == nil && c.Redacts != "" {
			ev.Redacts = c.Redacts
		}
	}
	return ev, nil
}

// stepOut does an outbound item: Matrix to network.
func (e *Engine) stepOut(ctx context.Context, p *store.Portal, it store.Item, a queue.Attempt) queue.Outcome {
	if _, ok := e.logins[p.Bridge]; !ok {
		return queue.Outcome{Hold: fmt.Sprintf("bridge %s is not in the configuration: add it again, or unlink the chat", p.Bridge)}
	}
	l, err := e.loginOf(ctx, p)
	if err != nil {
		return retry(err)
	}
	if it.Kind == kindSummary {
		return e.summaryOut(ctx, p, l, it, a)
	}
	ev, err := e.parseMatrix(it.Payload)
	if err != nil {
		return e.failed(ctx, it, a, err, nobodyToTell)
	}
	switch ev.Type {
	case event.EventSticker.Type:
		ev.message.MsgType = event.MsgImage // its body is its name
		return e.messageOut(ctx, p, l, it, a, ev)
	case event.EventMessage.Type:
		if target := ev.message.RelatesTo.GetReplaceID(); target != "" {
			return e.editOut(ctx, p, l, it, a, ev, target)
		}
		return e.messageOut(ctx, p, l, it, a, ev)
	case event.EventRedaction.Type:
		return e.redactionOut(ctx, p, l, it, a, ev)
	case event.EventReaction.Type:
		return e.reactionOut(ctx, p, l, it, a, ev)
	case event.EventEncrypted.Type:
		return e.failed(ctx, it, a, fmt.Errorf("%w: the message is encrypted", bridge.ErrUnsupported),
			func(string) error { return e.tellMatrix(ctx, p, it, ev.Sender, "encrypted") })
	}
	return drop(it, policy.DropType)
}

// messageOut sends a Matrix message to the portal's chat.
func (e *Engine) messageOut(ctx context.Context, p *store.Portal, l *login, it store.Item, a queue.Attempt, ev *matrixEvent) queue.Outcome {
	known, err := e.st.LinkByEvent(ctx, p.ID, ev.ID)
	switch {
	case err == nil && known.Removed:
		return drop(it, policy.DropRemoved)
	case err == nil:
		return drop(it, policy.DropOrigin)
	case !errors.Is(err, store.ErrNoRow):
		return retry(fmt.Errorf("look up event: %w", err))
	}
	if out := e.cameBack(ctx, p, it, ev); out != nil {
		return *out
	}
	if ev.marker.Hop >= e.opts.Limits.MaxHops {
		return drop(it, policy.DropHops)
	}
	if e.noteLoop(p.ID, false, ev.sent()) {
		return e.pauseLoop(ctx, p)
	}
	relay := l
	l, err = e.accountFor(ctx, p, relay, ev.Sender)
	tell := func(why string) error { return e.tellMatrix(ctx, p, it, ev.Sender, why) }
	if err != nil {
		return e.failed(ctx, it, a, err, tell)
	}
	m, err := e.outgoing(ctx, p, l, it, a, ev, &ev.message)
	if err != nil {
		return retry(err)
	}
	link := store.Link{
		School: p.School, Bridge: p.Bridge, Portal: p.ID, Dir: store.DirOut, Key: it.Key, Kind: store.LinkMessage,
		Room: cmp.Or(ev.Room, p.Room), Event: ev.ID, Sender: ev.Sender, At: ev.sent(), Puppet: l.puppet,
	}
	if m.MentionsAll, err = e.alertsChat(ctx, p, ev); err != nil {
		return retry(err)
	}
	again, err := e.relateOut(ctx, p, l, it, ev, m, &link)
	if err != nil {
		return retry(err)
	}
	if again {
		return queue.Outcome{Retry: &queue.Retry{Err: errTargetUnderWay, After: soon}}
	}
	got, by, found, err := e.foundElsewhere(ctx, relay, l, ev.Sender, m)
	if err == nil && !found {
		by = l.puppet
		e.sending(it, a)
		got, err = e.sendOut(ctx, p, l, it, ev, m)
		err = e.renewed(ctx, l, err)
	}
	if err != nil {
		return e.failed(ctx, it, a, err, tell)
	}
	link.Remote, link.Puppet = got.ID, by
	if len(got.Files) > 0 {
		link.File = got.Files[0]
	}
	e.markCrossed(p, ev.ID, it.Accepted)
	return delivered(it, link)
}

// sendOut sends a message to the network, with its file if it has one.
func (e *Engine) sendOut(ctx context.Context, p *store.Portal, l *login, it store.Item, ev *matrixEvent, m *bridge.Outgoing) (bridge.Receipt, error) {
	if isFile(&ev.message) {
		return e.sendFile(ctx, p, l, it, ev, m)
	}
	return l.client.Send(ctx, m)
}

// author is how a Matrix user is shown on the network.
func (e *Engine) author(ctx context.Context, p *store.Portal, user id.UserID) (bridge.Author, error) {
	who, err := e.person(ctx, p.Room, user)
	return bridge.Author{ID: user, Name: e.shownOnNetwork(p.Room, who), AvatarURL: e.hs.AvatarURL(who.Avatar)}, err
}

// outgoing makes what all sends of a message have in common.
func (e *Engine) outgoing(ctx context.Context, p *store.Portal, l *login, it store.Item, a queue.Attempt, ev *matrixEvent,
	content *event.MessageEventContent,
) (*bridge.Outgoing, error) {
	author, err := e.author(ctx, p, ev.Sender)
	if err != nil {
		return nil, err
	}
	clean := *content
	clean.RemoveReplyFallback()
	clean.RelatesTo, clean.NewContent = nil, nil
	if isFile(&clean) {
		caption, _ := splitFile(&clean)
		clean = *caption
	}
	persons, err := e.peopleIn(ctx, p, l, &clean)
	if err != nil {
		return nil, err
	}
	return &bridge.Outgoing{
		Key: outKey(it), Chat: p.Chat, Uncertain: a.Uncertain, Since: it.Accepted, Time: ev.sent(),
		Author: author, Content: &clean, People: persons, Chats: e.chatsIn(p, &clean), Hop: ev.marker.Hop + 1,
	}, nil
}

// relateOut resolves the thread and reply of an outgoing message. It reports true
// when a target may be mapped in a moment.
func (e *Engine) relateOut(ctx context.Context, p *store.Portal, l *login, it store.Item, ev *matrixEvent,
	m *bridge.Outgoing, link *store.Link,
) (again bool, err error) {
	rel := ev.message.RelatesTo
	thread, reply := rel.GetThreadParent(), rel.GetNonFallbackReplyTo()
	var missing id.EventID // what is answered and was never bridged
	find := func(target id.EventID) (store.Link, bool, error) {
		if target == "" {
			return store.Link{}, false, nil
		}
		known, err := e.st.LinkByEvent(ctx, p.ID, target)
		if errors.Is(err, store.ErrNoRow) || (err == nil && (known.Removed || known.Kind != store.LinkMessage)) {
			if errors.Is(err, store.ErrNoRow) {
				missing = target
			}
			return known, false, nil
		}
		return known, err == nil, err
	}
	root, haveRoot, err := find(thread)
	if err != nil {
		return false, fmt.Errorf("look up thread: %w", err)
	}
	target, haveTarget, err := find(reply)
	if err != nil {
		return false, fmt.Errorf("look up reply: %w", err)
	}
	if missing != "" && e.waiting(it) && e.ranLately(lane(p, store.DirIn)) {
		return true, nil
	}
	if haveTarget {
		m.ReplyTo = target.Remote
		if !haveRoot && l.caps.Threads && !l.caps.Replies {
			// The network knows threads only: a reply continues its target's thread.
			root, haveRoot = target, true
		}
	}
	if haveRoot {
		link.RootEvent, link.RootRemote = root.Event, root.Remote
		if root.RootRemote != "" {
			link.RootEvent, link.RootRemote = root.RootEvent, root.RootRemote
		}
		m.Thread = link.RootRemote
	}
	if missing != "" && !haveTarget {
		return false, e.quote(ctx, p, missing, m)
	}
	return false, nil
}
