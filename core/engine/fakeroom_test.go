package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

func (f *fakeMatrix) CreateRoom(_ context.Context, r intent.Room) (id.RoomID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("create"); err != nil {
		return "", err
	}
	alias := f.AliasFor(r.AliasLocal)
	if room, ok := f.aliases[alias]; ok {
		return room, nil
	}
	room := f.newRoom(r.Name)
	f.aliases[alias] = room
	f.rooms[room].spec, f.rooms[room].levels, f.rooms[room].place = r, r.Levels, r.Place
	return room, f.end("create")
}

func (f *fakeMatrix) newRoom(name string) id.RoomID {
	f.lastID++
	room := id.RoomID(fmt.Sprintf("!r%d:%s", f.lastID, server))
	f.rooms[room] = &fakeRoom{name: name, outs: map[id.UserID]intent.Member{}, members: map[id.UserID]intent.Member{f.Bot(): {User: f.Bot(), Membership: "join"}}}
	return room
}

func (f *fakeMatrix) UpdateLevels(_ context.Context, room id.RoomID, l intent.Levels) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.rooms[room]
	if l.Keep {
		l.Speakers = slices.Concat(r.levels.Speakers, l.Speakers)
	}
	if len(l.Moderators) == 0 {
		l.Moderators = r.levels.Moderators // whoever has a level keeps it
	}
	r.levels = l
	return f.end("levels")
}

// alertLevel is what a room asks of who alerts everybody, unless a test says
// otherwise.
const alertLevel = 50

// level is a user's; it needs the lock held.
func (r *fakeRoom) level(user id.UserID) int {
	switch {
	case slices.Contains(r.levels.Admins, user):
		return 100
	case slices.Contains(r.levels.Moderators, user), slices.Contains(r.levels.Speakers, user), slices.Contains(r.alerting, user):
		return 50
	}
	return 0
}

func (f *fakeMatrix) MayAlert(_ context.Context, room id.RoomID, user id.UserID, raise bool) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("alert"); err != nil {
		return false, err
	}
	r := f.rooms[room]
	if r.level(user) < alertLevel && raise {
		r.alerting = append(r.alerting, user)
	}
	return r.level(user) >= alertLevel, nil
}

func (f *fakeMatrix) SetRoomInfo(_ context.Context, room id.RoomID, name, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rooms[room].name = name
	return f.end("info")
}

func (f *fakeMatrix) SetPlace(_ context.Context, room id.RoomID, p intent.Place) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("place"); err != nil {
		return err
	}
	f.rooms[room].place = p
	return f.end("place")
}

func (f *fakeMatrix) SetChildren(_ context.Context, space id.RoomID, rooms []id.RoomID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("children"); err != nil {
		return err
	}
	f.rooms[space].shows = rooms
	return f.end("children")
}

func (f *fakeMatrix) Encrypted(_ context.Context, room id.RoomID) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rooms[room].encrypted, f.begin("encrypted")
}

func (f *fakeMatrix) SetBridgeInfo(context.Context, id.RoomID, intent.BridgeInfo) error { return nil }

func (f *fakeMatrix) ResolveAlias(_ context.Context, alias id.RoomAlias) (id.RoomID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if room, ok := f.aliases[alias]; ok {
		return room, nil
	}
	return "", bridge.ErrNotFound
}

func (f *fakeMatrix) Join(_ context.Context, room string) (id.RoomID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.rooms[id.RoomID(room)]
	if !ok {
		return "", bridge.ErrNotFound
	}
	if r.closed && r.members[f.Bot()].Membership == "" {
		return "", bridge.ErrForbidden
	}
	r.members[f.Bot()] = intent.Member{User: f.Bot(), Membership: "join"}
	return id.RoomID(room), f.end("bot-join")
}

func (f *fakeMatrix) Leave(_ context.Context, room id.RoomID, as id.UserID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, in := f.rooms[room].members[as]; in {
		f.membership(room, as, as, "leave")
	}
	return f.end("leave")
}

func (f *fakeMatrix) Members(_ context.Context, room id.RoomID) ([]intent.Member, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.rooms[room]
	if !ok {
		return nil, bridge.ErrNotFound
	}
	return slices.Collect(maps.Values(r.members)), nil
}

func (f *fakeMatrix) Memberships(ctx context.Context, room id.RoomID) ([]intent.Member, error) {
	in, err := f.Members(ctx, room)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.AppendSeq(in, maps.Values(f.rooms[room].outs)), nil
}

func (f *fakeMatrix) Rooms(_ context.Context, user id.UserID) ([]id.RoomID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []id.RoomID
	for room, r := range f.rooms {
		if r.members[user].Membership == "join" {
			out = append(out, room)
		}
	}
	return out, nil
}

// ghostsIn lists the network people whose ghosts are in a room.
func (f *fakeMatrix) ghostsIn(room id.RoomID) map[bridge.UserID]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[bridge.UserID]bool{}
	for u, m := range f.rooms[room].members {
		if _, who, ok := f.ParseGhost(u); ok && m.Membership == "join" {
			out[who] = true
		}
	}
	return out
}

func (f *fakeMatrix) Profile(_ context.Context, user id.UserID) (intent.Profile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return intent.Profile{Name: f.names[user]}, nil
}
