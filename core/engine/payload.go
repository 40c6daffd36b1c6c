package engine

import (
	"encoding/json"
	"fmt"

	"github.com/steg-bridge/steg/core/bridge"
)

// The kinds of items, as stored with them.
const (
	kindMessage    = "message"
	kindEdit       = "edit"
	kindRemoval    = "removal"
	kindReactions  = "reactions"
	kindChatChange = "chat-change"
	kindChatGone   = "chat-gone"
	kindUserChange = "user-change"
	kindMembers    = "members"
	kindSummary    = "reaction-summary" // out: who holds which emoji, see reaction_summary.go
	kindMatrix     = "matrix"           // a Matrix event on its way to a network
	kindInvite     = "invite"           // control: the bot or a ghost was invited
	kindCommand    = "command"
	kindReply      = "reply"      // control: an answer of the bot
	kindTellMatrix = "tell"       // control: a notice into a portal's room
	kindTellRemote = "tell-there" // control: a notice into a remote chat
)

// encodeEvent makes an item's kind and payload of a remote event.
func encodeEvent(ev bridge.Event) (kind string, payload []byte, err error) {
	switch ev.(type) {
	case *bridge.Message:
		kind = kindMessage
	case *bridge.Edit:
		kind = kindEdit
	case *bridge.Removal:
		kind = kindRemoval
	case *bridge.Reactions:
		kind = kindReactions
	case *bridge.ChatChange:
		kind = kindChatChange
	case *bridge.ChatGone:
		kind = kindChatGone
	case *bridge.UserChange:
		kind = kindUserChange
	case *bridge.Members:
		kind = kindMembers
	default:
		return "", nil, fmt.Errorf("event of unknown type %T", ev)
	}
	payload, err = json.Marshal(ev)
	if err != nil {
		return "", nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	return kind, payload, nil
}

// decodeEvent is the reverse of encodeEvent.
func decodeEvent(kind string, payload []byte) (bridge.Event, error) {
	var ev bridge.Event
	switch kind {
	case kindMessage:
		ev = &bridge.Message{}
	case kindEdit:
		ev = &bridge.Edit{}
	case kindRemoval:
		ev = &bridge.Removal{}
	case kindReactions:
		ev = &bridge.Reactions{}
	case kindChatChange:
		ev = &bridge.ChatChange{}
	case kindChatGone:
		ev = &bridge.ChatGone{}
	case kindUserChange:
		ev = &bridge.UserChange{}
	case kindMembers:
		ev = &bridge.Members{}
	default:
		return nil, fmt.Errorf("item of unknown kind %q", kind)
	}
	if err := json.Unmarshal(payload, ev); err != nil {
		return nil, fmt.Errorf("decode %s: %w", kind, err)
	}
	return ev, nil
}
