package bridgetest

import (
	"fmt"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
)

// inspect notes what is wrong with an event by itself, and against those before.
// It needs s.mu held.
func (s *Sink) inspect(ev bridge.Event) {
	h := ev.Head()
	breach := func(format string, args ...any) {
		s.breaches = append(s.breaches, fmt.Sprintf("%T: ", ev)+fmt.Sprintf(format, args...))
	}
	if !printable(string(h.Key)) {
		breach("key is not 1 to 255 bytes of printable ASCII without spaces")
	}
	if h.Time.IsZero() {
		breach("no time")
	}
	_, person := ev.(*bridge.UserChange)
	if person != (h.Chat == "") {
		breach("only a UserChange, and each, has an empty chat")
	}
	if person && h.Cursor != "" {
		breach("a cursor without a chat")
	}
	if before, ok := s.seen[eventID{h.Chat, h.Key}]; ok && before != identity(ev) {
		breach("two different events have one key")
	}
	switch e := ev.(type) {
	case *bridge.Message:
		if e.ID == "" {
			breach("no ID")
		}
		if key, ok := s.byID[e.ID]; ok && key != h.Key {
			breach("the message came before with another key")
		}
		s.byID[e.ID] = h.Key
		s.content(e.Content, breach)
	case *bridge.Edit:
		if e.Target == "" {
			breach("no target")
		}
		s.content(e.Content, breach)
	case *bridge.Removal:
		if e.Target == "" {
			breach("no target")
		}
	case *bridge.Reactions:
		s.reactions(e, breach)
	case *bridge.ChatChange:
		if e.Info.ID != h.Chat {
			breach("the info is of another chat")
		}
	case *bridge.UserChange:
		if e.Info.ID == "" {
			breach("no person")
		}
	case *bridge.Members:
		if h.Chat == "" {
			breach("members of no chat")
		}
	case *bridge.ChatGone:
		if e.Reason == "" {
			breach("no reason")
		}
	}
}

func (s *Sink) content(c *event.MessageEventContent, breach func(string, ...any)) {
	switch {
	case c == nil:
		breach("no content")
	case c.MsgType == "":
		breach("content has no msgtype")
	case c.RelatesTo != nil || c.NewContent != nil:
		breach("content has relations: those belong into the event")
	case c.FormattedBody != "" && c.Format != event.FormatHTML:
		breach("formatted body without format")
	}
}

// identity tells events apart that must not share a key.
func identity(ev bridge.Event) string {
	switch e := ev.(type) {
	case *bridge.Message:
		return "message " + string(e.ID)
	case *bridge.Edit:
		return "edit " + string(e.Target)
	case *bridge.Removal:
		return "removal " + string(e.Target)
	case *bridge.Reactions:
		return "reactions " + string(e.Target)
	case *bridge.ChatChange:
		return "chat change"
	case *bridge.ChatGone:
		return "chat gone"
	case *bridge.Members:
		return "members"
	case *bridge.UserChange:
		return "user change " + string(e.Info.ID)
	}
	return "unknown"
}
