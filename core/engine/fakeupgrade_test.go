package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

func (f *fakeMatrix) Tombstone(_ context.Context, room id.RoomID) (intent.Tombstone, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rooms[room] == nil || f.rooms[room].tomb.Sender == "" {
		return intent.Tombstone{}, bridge.ErrNotFound
	}
	return f.rooms[room].tomb, f.begin("tombstone")
}

func (f *fakeMatrix) Creation(_ context.Context, room id.RoomID) (intent.Creation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rooms[room].begun, f.begin("creation")
}

func (f *fakeMatrix) MaySet(_ context.Context, room id.RoomID, user id.UserID, _ string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.rooms[room]
	return user == r.begun.Creator || user == r.powerful, nil
}

func (f *fakeMatrix) Backlog(_ context.Context, room id.RoomID) ([]intent.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []intent.Event
	for _, ev := range f.rooms[room].events {
		raw, err := json.Marshal(map[string]any{
			"event_id": ev.ID, "room_id": room, "type": event.EventMessage.Type, "sender": ev.Sender, "content": ev.Content,
			"origin_server_ts": time.Now().UnixMilli(),
		})
		if err != nil {
			return nil, err
		}
		out = append(out, intent.Event{ID: ev.ID, Room: room, Type: event.EventMessage.Type, Sender: ev.Sender, Source: intent.SourceSync, Raw: raw})
	}
	return out, f.begin("backlog")
}

// personsRoom makes a room of somebody's with a list of people in it.
func (f *fakeMatrix) personsRoom(by id.UserID, predecessor id.RoomID, people ...id.UserID) id.RoomID {
	f.mu.Lock()
	defer f.mu.Unlock()
	room := f.newRoom("a room of " + string(by))
	r := f.rooms[room]
	r.begun = intent.Creation{Creator: by, Predecessor: predecessor}
	delete(r.members, f.Bot())
	for _, p := range people {
		r.members[p] = intent.Member{User: p, Membership: "join", Name: f.names[p]}
	}
	return room
}

// sayUnseen makes somebody write where nobody of ours is.
func (f *fakeMatrix) sayUnseen(room id.RoomID, who id.UserID, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add(room, who, map[string]any{"msgtype": "m.text", "body": text})
}

// bury closes a room in favour of another one; told lets the engine hear of it.
func (f *fakeMatrix) bury(room id.RoomID, by id.UserID, next id.RoomID, told bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rooms[room].tomb = intent.Tombstone{Sender: by, Replacement: next, At: time.Now()}
	if !told {
		return
	}
	f.lastID++
	ev := id.EventID(fmt.Sprintf("$e%d", f.lastID))
	raw, _ := json.Marshal(map[string]any{ //nolint:errchkjson // test data
		"event_id": ev, "room_id": room, "type": "m.room.tombstone", "sender": by, "state_key": "",
		"content": map[string]any{"replacement_room": next},
	})
	f.pushback = append(f.pushback, intent.Event{ID: ev, Room: room, Type: "m.room.tombstone", Sender: by, StateKey: new(""), Raw: raw})
}

// inviteBot invites the bot.
func (f *fakeMatrix) inviteBot(room id.RoomID, by id.UserID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.membership(room, by, f.Bot(), "invite")
}
