package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// MatrixMessage is a message as a person finds it in the room today, with
// everything that happened to it.
type MatrixMessage struct {
	ID      id.EventID
	Sender  id.UserID
	Kind    event.MessageType // m.text, m.image, …; empty when redacted
	Text    string            // the body as first sent; empty when redacted
	HTML    string
	URL     id.ContentURIString // of a file
	ReplyTo id.EventID          // without thread fallbacks
	Thread  id.EventID          // root of the thread

	Edits     []string               // later bodies, oldest first
	Reactions map[string][]id.UserID // by key; redacted ones are gone
	Redacted  bool

	Event *event.Event // as the server gave it, content parsed
}

// Latest returns the text after all edits.
func (m *MatrixMessage) Latest() string {
	if len(m.Edits) > 0 {
		return m.Edits[len(m.Edits)-1]
	}
	return m.Text
}

// Events returns every event of the room the person may see, state included,
// oldest first, in the server's order.
func (p *MatrixPerson) Events(ctx context.Context, room id.RoomID) ([]*event.Event, error) {
	const pageSize = 100 // no server we know gives less when asked for this
	var events []*event.Event
	seen := make(map[id.EventID]bool)
	from := ""
	for {
		page, err := p.messages(ctx, room, from, pageSize)
		if err != nil {
			return nil, fmt.Errorf("read room: %w", err)
		}
		for _, ev := range page.Chunk {
			if !seen[ev.ID] {
				seen[ev.ID] = true
				events = append(events, ev)
			}
		}
		// A page may be empty before the end; only a missing or unchanged token
		// says that nothing is left.
		if page.End == "" || page.End == from {
			break
		}
		from = page.End
	}
	slices.Reverse(events)
	for _, ev := range events {
		_ = ev.Content.ParseRaw(ev.Type) // unknown types stay raw
	}
	return events, nil
}

// ReadAll returns every message of the room the person may see, oldest first.
// Edits and reactions appear at the message they belong to; redacted messages
// stay in the list. An edit of a message that is not visible is left out.
//
// Dendrite shows a message a moment after it has acknowledged it, and some 30
// seconds later when it was stopped or killed in that moment (measured with
// 0.15.2). So a count after a restart uses WaitForAll.
func (p *MatrixPerson) ReadAll(ctx context.Context, room id.RoomID) ([]MatrixMessage, error) {
	events, err := p.Events(ctx, room)
	if err != nil {
		return nil, err
	}
	return messagesOf(events), nil
}

// WaitFor returns the first message of the room that match accepts, waiting for
// it until ctx ends. Messages of the past count.
func (p *MatrixPerson) WaitFor(ctx context.Context, room id.RoomID, match func(MatrixMessage) bool) (MatrixMessage, error) {
	var found MatrixMessage
	_, err := p.WaitForAll(ctx, room, func(messages []MatrixMessage) bool {
		at := slices.IndexFunc(messages, match)
		if at >= 0 {
			found = messages[at]
		}
		return at >= 0
	})
	return found, err
}

// WaitForAll reads the room again after each change until done accepts its
// messages or ctx ends; then the error says how many messages were there.
func (p *MatrixPerson) WaitForAll(ctx context.Context, room id.RoomID, done func([]MatrixMessage) bool) ([]MatrixMessage, error) {
	filter, err := json.Marshal(map[string]any{"room": map[string]any{
		"rooms": []id.RoomID{room}, "timeline": map[string]any{"limit": 1},
	}})
	if err != nil {
		return nil, err
	}
	var last []MatrixMessage
	for {
		// The position is taken before the room is read, so a message that
		// arrives in between ends the next long poll at once.
		since, err := p.position(ctx, string(filter))
		if err != nil {
			return last, waitError(err, len(last))
		}
		if last, err = p.ReadAll(ctx, room); err != nil {
			return last, waitError(err, len(last))
		}
		if done(last) {
			return last, nil
		}
		if err := p.awaitChange(ctx, since, room, string(filter)); err != nil {
			return last, waitError(err, len(last))
		}
	}
}

func waitError(err error, count int) error {
	return fmt.Errorf("wait with %d messages in the room: %w", count, err)
}

// position returns where /sync is now.
func (p *MatrixPerson) position(ctx context.Context, filter string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer, err := p.sync(ctx, p.since, 0, filter)
	if err != nil {
		return "", err
	}
	p.since = answer.NextBatch
	return p.since, nil
}

// awaitChange returns when the room has something new, or after some seconds,
// because a server's long poll may miss what reading the room would show.
func (p *MatrixPerson) awaitChange(ctx context.Context, since string, room id.RoomID, filter string) error {
	const patience = 3 * time.Second
	for end := time.Now().Add(patience); time.Now().Before(end); {
		answer, err := p.sync(ctx, since, time.Until(end), filter)
		if err != nil {
			return err
		}
		if joined := answer.Rooms.Join[room]; joined != nil && len(joined.Timeline.Events) > 0 {
			// In a busy room, reading once for several messages is enough.
			return pause(ctx, 20*time.Millisecond)
		}
		since = answer.NextBatch
	}
	return nil
}

// messages reads one page backwards.
func (p *MatrixPerson) messages(ctx context.Context, room id.RoomID, from string, limit int) (*mautrix.RespMessages, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return p.Messages(ctx, room, from, "", mautrix.DirectionBackward, nil, limit)
}

// messagesOf folds the events of a room into its messages. Reactions and edits
// may come before what they relate to, so messages are collected first.
func messagesOf(events []*event.Event) []MatrixMessage {
	var messages []MatrixMessage
	place := make(map[id.EventID]int)
	for _, ev := range events {
		if ev.Type != event.EventMessage || ev.StateKey != nil {
			continue
		}
		content := ev.Content.AsMessage()
		if content.RelatesTo.GetReplaceID() != "" {
			continue
		}
		place[ev.ID] = len(messages)
		messages = append(messages, MatrixMessage{
			ID: ev.ID, Sender: ev.Sender, Kind: content.MsgType, Text: content.Body, HTML: content.FormattedBody,
			URL: content.URL, ReplyTo: content.RelatesTo.GetNonFallbackReplyTo(), Thread: content.RelatesTo.GetThreadParent(),
			Redacted: ev.Unsigned.RedactedBecause != nil, Event: ev,
		})
	}
	for _, ev := range events {
		switch ev.Type {
		case event.EventMessage:
			content := ev.Content.AsMessage()
			at, known := place[content.RelatesTo.GetReplaceID()]
			// Nobody may edit what somebody else wrote; clients ignore it.
			if known && content.NewContent != nil && messages[at].Sender == ev.Sender {
				messages[at].Edits = append(messages[at].Edits, content.NewContent.Body)
			}
		case event.EventReaction:
			relation := ev.Content.AsReaction().RelatesTo
			at, known := place[relation.EventID]
			if !known || relation.Key == "" {
				continue
			}
			if messages[at].Reactions == nil {
				messages[at].Reactions = make(map[string][]id.UserID)
			}
			messages[at].Reactions[relation.Key] = append(messages[at].Reactions[relation.Key], ev.Sender)
		}
	}
	return messages
}
