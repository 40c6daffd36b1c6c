package matrixtest

import (
	"encoding/json"
	"maps"
	"slices"

	"maunium.net/go/mautrix/id"
)

// Event is an event of a room.
type Event struct {
	ID       id.EventID      `json:"event_id"`
	Room     id.RoomID       `json:"room_id,omitempty"`
	Type     string          `json:"type"`
	Sender   id.UserID       `json:"sender"`
	StateKey *string         `json:"state_key,omitempty"`
	Time     int64           `json:"origin_server_ts"`
	Content  json.RawMessage `json:"content"`
	Redacts  id.EventID      `json:"redacts,omitempty"`
	Unsigned map[string]any  `json:"unsigned,omitempty"`

	stream int64
}

type user struct {
	name, avatar string
	presence     string // "" = nobody has told of it
}

type room struct {
	id     id.RoomID
	events []*Event // in stream order
	state  map[stateKey]*Event
	typing []id.UserID
	typed  int64 // when typing last changed, in the stream
	read   map[id.UserID]id.EventID
}

type stateKey struct{ typ, key string }

type upload struct {
	mimeType string
	body     []byte
}

func (r *room) membership(u id.UserID) string {
	ev := r.state[stateKey{"m.room.member", string(u)}]
	if ev == nil {
		return "leave"
	}
	var content struct {
		Membership string `json:"membership"`
	}
	_ = json.Unmarshal(ev.Content, &content)
	return content.Membership
}

func (r *room) joinRule() string {
	var content struct {
		Rule string `json:"join_rule"`
	}
	if ev := r.state[stateKey{"m.room.join_rules", ""}]; ev != nil {
		_ = json.Unmarshal(ev.Content, &content)
	}
	return content.Rule
}

// powers is the content of m.room.power_levels.
type powers struct {
	Users         map[id.UserID]int `json:"users"`
	UsersDefault  int               `json:"users_default"`
	Events        map[string]int    `json:"events"`
	EventsDefault int               `json:"events_default"`
	StateDefault  *int              `json:"state_default"`
	Invite        int               `json:"invite"`
	Kick          *int              `json:"kick"`
	Redact        *int              `json:"redact"`
}

func (r *room) powers() powers {
	var p powers
	if ev := r.state[stateKey{"m.room.power_levels", ""}]; ev != nil {
		_ = json.Unmarshal(ev.Content, &p)
	}
	return p
}

func (p powers) of(u id.UserID) int {
	if level, ok := p.Users[u]; ok {
		return level
	}
	return p.UsersDefault
}

func (p powers) needed(typ string, state bool) int {
	if level, ok := p.Events[typ]; ok {
		return level
	}
	if state {
		return orFifty(p.StateDefault)
	}
	return p.EventsDefault
}

func orFifty(p *int) int {
	if p == nil {
		return 50
	}
	return *p
}

// stateEvents lists the state in a fixed order.
func (r *room) stateEvents() []*Event {
	keys := slices.SortedFunc(maps.Keys(r.state), func(a, b stateKey) int {
		return int(r.state[a].stream - r.state[b].stream)
	})
	out := make([]*Event, len(keys))
	for i, k := range keys {
		out[i] = r.state[k]
	}
	return out
}
