package engine_test

import (
	"fmt"
	"slices"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// react makes a person react.
func (f *fakeMatrix) react(room id.RoomID, who id.UserID, target id.EventID, key string) id.EventID {
	f.mu.Lock()
	defer f.mu.Unlock()
	content := map[string]any{
		"m.relates_to": map[string]any{"rel_type": "m.annotation", "event_id": string(target), "key": key},
		"shortcode":    "party", // counts with a picture only
	}
	ev := f.add(room, who, content)
	f.push(room, who, event.EventReaction.Type, "", content, ev.ID)
	return ev.ID
}

// reactionOf finds the event of a reaction.
func (f *fakeMatrix) reactionOf(room id.RoomID, key string) id.EventID {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ev := range f.rooms[room].events {
		rel, _ := ev.Content["m.relates_to"].(map[string]any)
		if rel["rel_type"] == "m.annotation" && rel["key"] == key {
			return ev.ID
		}
	}
	return ""
}

// reactions lists the reactions to an event, "key sender", sorted, each as often as
// it is there.
func (f *fakeMatrix) reactions(room id.RoomID, target id.EventID) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []string{}
	for _, ev := range f.rooms[room].events {
		rel, _ := ev.Content["m.relates_to"].(map[string]any)
		if rel["rel_type"] == "m.annotation" && rel["event_id"] == string(target) && !ev.Redacted {
			out = append(out, fmt.Sprint(rel["key"], " ", f.show(ev.Sender)))
		}
	}
	slices.Sort(out)
	return out
}
