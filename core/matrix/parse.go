package matrix

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
)

// The parser looks only at what it needs and passes events on as they are. It is
// not encoding/json, because that refuses more than 10,000 levels of nesting: a
// homeserver takes an event of that depth from any user, and within a
// transaction it is deeper still, so one message could stop everything.

// maxNesting protects our stack; homeservers refuse far less.
const maxNesting = 100_000

var (
	errNotJSON = errors.New("the body is not JSON")
	errBadJSON = errors.New("the body is not a transaction")
)

// transaction is what a homeserver pushed.
type transaction struct {
	events    []intent.Event
	ephemeral []ephemeral
	malformed int // events without the fields that every event has
	// hasEphemeral says that there is a place for typing and receipts, be it empty:
	// the homeserver pushes them.
	hasEphemeral bool
}

type ephemeral struct {
	room    id.RoomID
	typ     string
	content json.RawMessage
}

// parseTransaction reads a transaction. Malformed events are skipped and
// counted: an error would bring the same transaction again, for ever.
func parseTransaction(body []byte) (transaction, error) {
	if tooDeep(body) || !gjson.ValidBytes(body) {
		return transaction{}, errNotJSON
	}
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	root := gjson.ParseBytes(body)
	if !root.IsObject() {
		return transaction{}, errBadJSON
	}
	var txn transaction
	var bad bool
	root.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "events":
			bad = bad || !value.IsArray()
			txn.addEvents(value)
		case "ephemeral", "de.sorunome.msc2409.ephemeral":
			txn.hasEphemeral = true
			txn.addEphemeral(value)
		}
		return true
	})
	if bad {
		return transaction{}, errBadJSON
	}
	return txn, nil
}

func (t *transaction) addEvents(list gjson.Result) {
	list.ForEach(func(_, raw gjson.Result) bool {
		if ev, ok := eventOf(raw, "", intent.SourcePush); ok {
			t.events = append(t.events, ev)
		} else {
			t.malformed++
		}
		return true
	})
}

// addEphemeral takes typing and receipts. A server that knows both the stable
// and the unstable key sends the same in both; taking both does no harm.
func (t *transaction) addEphemeral(list gjson.Result) {
	list.ForEach(func(_, raw gjson.Result) bool {
		typ, room, content := text(raw.Get("type")), text(raw.Get("room_id")), raw.Get("content")
		if ephemeralType(typ) && room != "" && content.IsObject() {
			t.ephemeral = append(t.ephemeral, ephemeral{id.RoomID(room), typ, json.RawMessage(content.Raw)})
		}
		return true
	})
}

func ephemeralType(typ string) bool { return typ == "m.typing" || typ == "m.receipt" }

// eventOf reads an event's head. room is given for events of /sync, which do not
// name their room; it is then put into the raw event.
func eventOf(raw gjson.Result, room id.RoomID, source intent.Source) (intent.Event, bool) {
	if !raw.IsObject() {
		return intent.Event{}, false
	}
	ev := intent.Event{Source: source, Raw: json.RawMessage(raw.Raw)}
	var hasRoom bool
	raw.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "event_id":
			ev.ID = id.EventID(text(value))
		case "room_id":
			hasRoom = true
			ev.Room = id.RoomID(text(value))
		case "type":
			ev.Type = text(value)
		case "sender":
			ev.Sender = id.UserID(text(value))
		case "state_key":
			if value.Type == gjson.String {
				ev.StateKey = &value.Str
			}
		}
		return true
	})
	if room != "" {
		ev.Room = room
		if !hasRoom {
			ev.Raw = withRoom(raw.Raw, room)
		}
	}
	ok := identifier(string(ev.ID)) && identifier(string(ev.Room)) && identifier(string(ev.Sender)) && identifier(ev.Type)
	return ev, ok
}

// identifier tells whether s can be one: Matrix bounds all of them to 255 bytes,
// and databases refuse control characters.
func identifier(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// withRoom puts the room's ID into an event.
func withRoom(raw string, room id.RoomID) json.RawMessage {
	quoted, err := json.Marshal(room)
	body := strings.TrimLeft(raw, " \t\r\n{")
	if err != nil {
		return json.RawMessage(raw)
	}
	out := make([]byte, 0, len(raw)+len(quoted)+16)
	out = append(out, `{"room_id":`...)
	out = append(out, quoted...)
	if !strings.HasPrefix(body, "}") {
		out = append(out, ',')
	}
	return append(out, body...)
}

// tooDeep tells whether brackets nest deeper than maxNesting.
func tooDeep(body []byte) bool {
	if len(body) <= maxNesting {
		return false // not enough bytes
	}
	depth, inText := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{', c == '[':
			if depth++; depth > maxNesting {
				return true
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return false
}
