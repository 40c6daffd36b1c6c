package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// stepControl does what is asked of the bot itself.
func (e *Engine) stepControl(ctx context.Context, it store.Item, a queue.Attempt) queue.Outcome {
	switch it.Kind {
	case kindTellMatrix, kindTellRemote, kindReply:
		return e.stepNotice(ctx, it, a)
	case kindInvite:
		return e.stepInvite(ctx, it)
	case kindCommand:
		return e.stepCommand(ctx, it)
	}
	return drop(it, policy.DropType)
}

// controlEvent is what the control lane reads of a Matrix event.
type controlEvent struct {
	ID       id.EventID `json:"event_id"`
	Room     id.RoomID  `json:"room_id"`
	Type     string     `json:"type"`
	Sender   id.UserID  `json:"sender"`
	StateKey *string    `json:"state_key"`
	Content  struct {
		Membership event.Membership  `json:"membership"`
		Direct     bool              `json:"is_direct"`
		MsgType    event.MessageType `json:"msgtype"`
		Body       string            `json:"body"`
		RelatesTo  *event.RelatesTo  `json:"m.relates_to"`
	} `json:"content"`
}

// stepInvite answers an invitation: the bot follows admins of a school and
// invitations into rooms that somebody linked, or that follow one; ghosts follow nobody,
// but who wants to write to one directly gets a room for that.
func (e *Engine) stepInvite(ctx context.Context, it store.Item) queue.Outcome {
	var ev controlEvent
	if err := json.Unmarshal(it.Payload, &ev); err != nil || ev.StateKey == nil || ev.Content.Membership != event.MembershipInvite {
		return drop(it, policy.DropNotForUs)
	}
	invited := id.UserID(*ev.StateKey)
	welcome := invited == e.hs.Bot() && (e.admin(ev.Sender) || len(e.portals.room(ev.Room)) > 0)
	var err error
	if invited == e.hs.Bot() && !welcome {
		if welcome, err = e.awaited(ctx, ev.Room); err != nil {
			return retry(err)
		}
	}
	if welcome || invited == e.hs.Bot() && e.mayLink(&ev) {
		_, err = e.hs.Join(ctx, string(ev.Room))
	} else {
		if _, _, ghost := e.hs.ParseGhost(invited); ghost && ev.Content.Direct && !e.hs.Ours(ev.Sender) {
			err = e.beginDirect(ctx, ev.Sender, invited)
		}
		if err != nil && bridge.Classify(err) != bridge.ClassPermanent {
			return retry(err)
		}
		err = e.hs.Leave(ctx, ev.Room, invited)
	}
	switch {
	case err == nil:
		e.moves.again()
		e.poke()
		return delivered(it)
	case bridge.Classify(err) == bridge.ClassTemporary:
		return retry(err)
	}
	return drop(it, policy.DropNotForUs) // withdrawn meanwhile, or not ours to answer
}

// mayLink reports whether an invitation is a person's own who may want to link an
// account: into a direct room, by somebody of this server.
func (e *Engine) mayLink(ev *controlEvent) bool {
	return e.hs.Puppets() && ev.Content.Direct && ev.Sender.Homeserver() == e.hs.ServerName()
}

// stepCommand executes a command: a direct, unedited message of a local user in a
// room with nobody else but the bot.
func (e *Engine) stepCommand(ctx context.Context, it store.Item) queue.Outcome {
	var ev controlEvent
	if err := json.Unmarshal(it.Payload, &ev); err != nil {
		return drop(it, policy.DropNotForUs)
	}
	// The room may have become a portal's room a moment ago.
	if err := e.reload(ctx); err != nil {
		return retry(err)
	}
	if len(e.portals.room(ev.Room)) > 0 {
		in := store.Intake{Entries: e.entries(nil, &intent.Event{
			ID: ev.ID, Room: ev.Room, Type: ev.Type, Sender: ev.Sender, StateKey: ev.StateKey, Raw: it.Payload,
		})}
		if _, err := e.queue.Accept(ctx, in); err != nil {
			return retry(err)
		}
		return drop(it, policy.DropNotForUs)
	}
	if ev.Content.MsgType != event.MsgText || ev.Content.RelatesTo.GetReplaceID() != "" ||
		ev.Sender.Homeserver() != e.hs.ServerName() {
		return drop(it, policy.DropNotForUs)
	}
	members, err := e.hs.Members(ctx, ev.Room)
	if err != nil {
		if bridge.Classify(err) == bridge.ClassTemporary {
			return retry(err)
		}
		return drop(it, policy.DropNotForUs)
	}
	if len(members) != 2 {
		return drop(it, policy.DropNotForUs)
	}
	if err := e.rememberManagement(ctx, ev.Sender, ev.Room); err != nil {
		return retry(err)
	}
	reply := e.opts.Commander.Execute(ctx, ev.Sender, ev.Content.Body)
	e.poke()
	payload, err := json.Marshal(notice{Room: ev.Room, Text: reply})
	if err != nil {
		return retry(fmt.Errorf("encode reply: %w", err))
	}
	_, err = e.queue.Accept(ctx, store.Intake{Entries: []store.Entry{{
		Lane: control(""), Key: "reply:" + bridge.Key(marker(it, "reply")), Kind: kindReply, Payload: payload,
	}}})
	if err != nil {
		return retry(err)
	}
	return delivered(it)
}
