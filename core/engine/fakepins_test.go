package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
)

func (f *fakeMatrix) Pinned(_ context.Context, room id.RoomID) ([]id.EventID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("pinned"); err != nil {
		return nil, err
	}
	return slices.Clone(f.rooms[room].pinned), nil
}

func (f *fakeMatrix) SetPinned(_ context.Context, room id.RoomID, pinned []id.EventID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pin(room, f.Bot(), pinned)
	return f.end("pin")
}

// pinBy makes a person replace the list of pinned events.
func (f *fakeMatrix) pinBy(room id.RoomID, who id.UserID, pinned ...id.EventID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pin(room, who, pinned)
}

// pin needs the lock.
func (f *fakeMatrix) pin(room id.RoomID, who id.UserID, pinned []id.EventID) {
	f.rooms[room].pinned = slices.Clone(pinned)
	f.lastID++
	ev := id.EventID(fmt.Sprintf("$e%d", f.lastID))
	typ := event.StatePinnedEvents.Type
	raw, _ := json.Marshal(map[string]any{ //nolint:errchkjson // test data
		"event_id": ev, "room_id": room, "type": typ, "sender": who, "state_key": "", "content": map[string]any{"pinned": pinned},
	})
	f.pushback = append(f.pushback, intent.Event{ID: ev, Room: room, Type: typ, Sender: who, StateKey: new(string), Raw: raw})
}

// pinnedTexts lists the texts that are pinned in a room.
func (f *fakeMatrix) pinnedTexts(room id.RoomID) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []string{}
	for _, p := range f.rooms[room].pinned {
		for _, ev := range f.rooms[room].events {
			if ev.ID == p {
				out = append(out, fmt.Sprint(ev.Content["body"]))
			}
		}
	}
	return out
}
