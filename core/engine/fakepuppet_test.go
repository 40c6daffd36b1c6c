package engine_test

import (
	"bytes"
	"context"
	"encoding/json"

	"maunium.net/go/mautrix/id"
)

// rename gives a person another name, in a room that they are in.
func (f *fakeMatrix) rename(room id.RoomID, who id.UserID, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names[who] = name
	f.membership(room, who, who, "join")
}

// mentions lists whom the events of a room mention.
func (f *fakeMatrix) mentions(room id.RoomID) [][]id.UserID {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out [][]id.UserID
	for _, ev := range f.rooms[room].events {
		var c struct {
			Mentions struct {
				Users []id.UserID `json:"user_ids"`
			} `json:"m.mentions"`
		}
		raw, _ := json.Marshal(ev.Content) //nolint:errchkjson // test data
		if json.Unmarshal(raw, &c) == nil {
			out = append(out, c.Mentions.Users)
		}
	}
	return out
}

func (f *fakeMatrix) Kick(_ context.Context, room id.RoomID, user id.UserID, _ string) error {
	f.setMemberBy(room, f.Bot(), user, "leave")
	return nil
}

// isIn reports whether somebody is in a room.
func (f *fakeMatrix) isIn(room id.RoomID, who id.UserID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rooms[room].members[who].Membership == "join"
}

func (f *fakeMatrix) Invite(_ context.Context, room id.RoomID, user id.UserID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.invited[room] = append(f.invited[room], user)
	return nil
}

// inviteDirect makes a room of somebody's, with a ghost invited into it for a direct
// chat.
func (f *fakeMatrix) inviteDirect(who, ghost id.UserID) id.RoomID {
	f.mu.Lock()
	defer f.mu.Unlock()
	room := f.newRoom("direct")
	f.membership(room, who, who, "join")
	f.membership(room, who, ghost, "invite")
	last := &f.pushback[len(f.pushback)-1]
	last.Raw = bytes.Replace(last.Raw, []byte(`"membership"`), []byte(`"is_direct":true,"membership"`), 1)
	return room
}

// isInvited reports whether an invitation was not answered yet.
func (f *fakeMatrix) isInvited(room id.RoomID, who id.UserID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rooms[room].members[who].Membership == "invite"
}
