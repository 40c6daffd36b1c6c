package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

// Send sends one event. When the homeserver refuses it with 403, the sender is
// registered and joined (invited by the bot where need be) and the event tried
// once more; nothing else is ever tried again. After an uncertain outcome (a
// [bridge.TemporaryError]) look with [Service.Find] before calling Send again.
func (s *Service) Send(ctx context.Context, m intent.Send) (id.EventID, error) {
	body, err := withMarker(m.Content, m.Marker)
	if err != nil {
		return "", fmt.Errorf("send event: %w", err)
	}
	r := request{
		op: "send event", method: http.MethodPut, as: m.As, raw: body,
		path: path(clientV3, "rooms", string(m.Room), "send", m.Type, m.TxnID),
	}
	if !m.Time.IsZero() {
		r.query = url.Values{"ts": {strconv.FormatInt(m.Time.UnixMilli(), 10)}}
	}
	began := s.now()
	eventID, err := s.sendHealed(ctx, m.Room, r)
	switch _, again := s.unsure.get(m.Marker.ID); {
	case err == nil && again:
		s.unsure.remove(m.Marker.ID)
	case err != nil && !again:
		s.unsure.put(m.Marker.ID, began)
	}
	return eventID, err
}

// sentEvent is an event of ours that a room has, and since when we know.
type sentEvent struct {
	id id.EventID
	at time.Time
}

// Redact redacts an event; doing so twice is no error. The same 403 rule as for
// [Service.Send] holds. An event that the homeserver does not know gives
// [bridge.ErrNotFound] on Dendrite and success on Synapse.
func (s *Service) Redact(ctx context.Context, m intent.Redact) (id.EventID, error) {
	content := struct {
		Reason string `json:"reason,omitempty"`
	}{m.Reason}
	return s.sendHealed(ctx, m.Room, request{
		op: "redact event", method: http.MethodPut, as: m.As, body: content,
		path: path(clientV3, "rooms", string(m.Room), "redact", string(m.Target), m.TxnID),
	})
}

// Notice sends text, with html when not "", from the bot. The transaction ID is
// also the marker.
func (s *Service) Notice(ctx context.Context, room id.RoomID, txnID, text, html string) (id.EventID, error) {
	content := &event.MessageEventContent{MsgType: event.MsgNotice, Body: text, Mentions: &event.Mentions{}}
	if html != "" {
		content.Format, content.FormattedBody = event.FormatHTML, html
	}
	return s.Send(ctx, intent.Send{
		Room: room, As: s.bot, Type: event.EventMessage.Type, Content: content,
		Marker: intent.Marker{ID: txnID}, TxnID: txnID,
	})
}

// sendHealed makes a request that answers an event ID; after a 403, which says
// that nothing has happened, it brings the sender into the room and tries again.
func (s *Service) sendHealed(ctx context.Context, room id.RoomID, r request) (id.EventID, error) {
	eventID, err := s.sendOnce(ctx, room, r)
	if err == nil || !errors.Is(err, bridge.ErrForbidden) || !s.Ours(r.as) {
		return eventID, err
	}
	s.Forget(room, r.as)
	s.registered.remove(r.as)
	if err := s.EnsureJoined(ctx, room, r.as); err != nil {
		return "", fmt.Errorf("%s: %w", r.op, err)
	}
	return s.sendOnce(ctx, room, r)
}

func (s *Service) sendOnce(ctx context.Context, room id.RoomID, r request) (id.EventID, error) {
	answer, err := s.do(ctx, r)
	if err != nil {
		return "", err
	}
	eventID := gjson.GetBytes(answer, "event_id").String()
	if eventID == "" {
		return "", fmt.Errorf("%s: %w", r.op, &bridge.TemporaryError{Err: errNotMatrix, Shared: true})
	}
	s.sent.put(room, sentEvent{id.EventID(eventID), s.now()})
	return id.EventID(eventID), nil
}

// withMarker encodes content, which must become a JSON object, with the marker
// in it.
func withMarker(content any, marker intent.Marker) ([]byte, error) {
	body, err := json.Marshal(content)
	if err != nil || len(body) < 2 || body[0] != '{' {
		return nil, fmt.Errorf("encode the content: %w", bridge.ErrRejected)
	}
	mark, err := json.Marshal(marker)
	if err != nil {
		return nil, fmt.Errorf("encode the marker: %w", bridge.ErrRejected)
	}
	if bytes.Contains(body, []byte(`"`+intent.MarkerKey+`"`)) {
		// Perhaps only inside a text, perhaps a foreign marker: ours must win.
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(body, &fields); err != nil {
			return nil, fmt.Errorf("encode the content: %w", bridge.ErrRejected)
		}
		fields[intent.MarkerKey] = mark
		return json.Marshal(fields)
	}
	out := make([]byte, 0, len(body)+len(mark)+len(intent.MarkerKey)+4)
	out = append(out, `{"`+intent.MarkerKey+`":`...)
	out = append(out, mark...)
	if body[1] != '}' {
		out = append(out, ',')
	}
	return append(out, body[1:]...), nil
}
