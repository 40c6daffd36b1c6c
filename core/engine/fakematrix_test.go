package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/intent"
)

// fakeMatrix is a homeserver in memory with our appservice on it. What is sent is
// echoed to the engine, as homeservers do.
type fakeMatrix struct {
	flushing sync.Mutex

	mu       sync.Mutex
	changed  chan struct{}
	inbox    func(context.Context, []intent.Event, *string) error
	echo     bool
	lastID   int
	lastTime int64 // in milliseconds; no two events share one
	rooms    map[id.RoomID]*fakeRoom
	aliases  map[id.RoomAlias]id.RoomID
	names    map[id.UserID]string
	avatars  map[id.UserID]string
	typing   map[roomGhost]bool
	read     map[id.RoomID][]id.EventID // marked by the bot, one after the other
	stuck    bool                       // Typing and Read never answer
	joins    int
	before   func(ctx context.Context, op string) // without the lock, before a join
	ghosts   map[id.UserID]bool
	invited  map[id.RoomID][]id.UserID
	fail     func(op string) error // before the effect
	lose     func(op string) error // after the effect: the answer is lost
	pushback []intent.Event
	held     []intent.Event // kept from the engine by a test

	media    fakeMedia
	presence fakePresence

	puppets bool
	denied  map[id.UserID]error // what sends as a person are answered
}

type fakeRoom struct {
	spec    intent.Room
	levels  intent.Levels
	members map[id.UserID]intent.Member
	outs    map[id.UserID]intent.Member // who has left or was banned
	events  []*fakeEvent
	pinned  []id.EventID
	name    string
	place   intent.Place
	shows   []id.RoomID // of a space

	encrypted bool
	alerting  []id.UserID // ghosts that were let alert everybody
	closed    bool        // the bot must be invited
	begun     intent.Creation
	tomb      intent.Tombstone
	powerful  id.UserID // who else may close it
}

type fakeEvent struct {
	ID       id.EventID
	Sender   id.UserID
	Content  map[string]any
	Redacted bool
}

func newFakeMatrix() *fakeMatrix {
	return &fakeMatrix{
		changed: make(chan struct{}), echo: true,
		rooms: map[id.RoomID]*fakeRoom{}, aliases: map[id.RoomAlias]id.RoomID{},
		names: map[id.UserID]string{}, avatars: map[id.UserID]string{}, ghosts: map[id.UserID]bool{}, invited: map[id.RoomID][]id.UserID{},
		typing: map[roomGhost]bool{}, read: map[id.RoomID][]id.EventID{},
	}
}

var _ engine.Homeserver = (*fakeMatrix)(nil)

const server = "school.example"

func (f *fakeMatrix) Bot() id.UserID     { return "@steg:" + server }
func (f *fakeMatrix) ServerName() string { return server }
func (f *fakeMatrix) GhostID(b bridge.ID, u bridge.UserID) id.UserID {
	return id.UserID(fmt.Sprintf("@_steg_%s_%s:%s", b, u, server))
}

func (f *fakeMatrix) ParseGhost(user id.UserID) (bridge.ID, bridge.UserID, bool) {
	rest, ok := strings.CutPrefix(user.Localpart(), "_steg_")
	b, u, found := strings.Cut(rest, "_")
	return bridge.ID(b), bridge.UserID(u), ok && found
}

func (f *fakeMatrix) Ours(user id.UserID) bool {
	return user == f.Bot() || strings.HasPrefix(string(user), "@_steg_")
}

func (f *fakeMatrix) AliasFor(local string) id.RoomAlias {
	return id.NewRoomAlias("_steg_"+local, server)
}

func (f *fakeMatrix) ParseAlias(a id.RoomAlias) (string, bool) {
	local, ok := strings.CutPrefix(string(a), "#_steg_")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(local, ":"+server)
}
func (f *fakeMatrix) AvatarURL(string) string { return "" }

// begin is called with the lock held.
func (f *fakeMatrix) begin(op string) error {
	if f.fail != nil {
		return f.fail(op)
	}
	return nil
}

func (f *fakeMatrix) end(op string) error {
	close(f.changed)
	f.changed = make(chan struct{})
	if f.lose != nil {
		return f.lose(op)
	}
	return nil
}

// Puppets tells whether the test lets us act as people.
func (f *fakeMatrix) Puppets() bool { return f.puppets }

func (f *fakeMatrix) Send(ctx context.Context, s intent.Send) (id.EventID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("send"); err != nil {
		return "", err
	}
	if f.rooms[s.Room].tomb.Sender != "" && s.As != f.Bot() {
		return "", bridge.ErrForbidden
	}
	if err := f.asPerson(s.Room, s.As); err != nil {
		return "", err
	}
	if l := f.rooms[s.Room].levels; l.WriteLocked && s.As != f.Bot() && !slices.Contains(l.Speakers, s.As) && !slices.Contains(l.Moderators, s.As) {
		return "", bridge.ErrForbidden
	}
	raw, err := json.Marshal(s.Content)
	if err != nil {
		return "", err
	}
	var content map[string]any
	if err := json.Unmarshal(raw, &content); err != nil {
		return "", err
	}
	mark := map[string]any{"id": s.Marker.ID, "portal": s.Marker.Portal, "hop": s.Marker.Hop}
	if s.Marker.Item != "" {
		mark["item"] = s.Marker.Item
	}
	content[intent.MarkerKey] = mark
	ev := f.add(s.Room, s.As, content)
	f.push(s.Room, s.As, s.Type, "", content, ev.ID)
	return ev.ID, f.end("send")
}

func (f *fakeMatrix) add(room id.RoomID, as id.UserID, content map[string]any) *fakeEvent {
	f.lastID++
	ev := &fakeEvent{ID: id.EventID(fmt.Sprintf("$e%d", f.lastID)), Sender: as, Content: content}
	f.rooms[room].events = append(f.rooms[room].events, ev)
	return ev
}

// push queues an event for the engine; flush delivers.
func (f *fakeMatrix) push(room id.RoomID, as id.UserID, typ string, redacts id.EventID, content map[string]any, ev id.EventID) {
	if f.Ours(as) && !f.echo {
		return
	}
	f.lastTime = max(f.lastTime+1, time.Now().UnixMilli())
	all := map[string]any{
		"event_id": ev, "room_id": room, "type": typ, "sender": as, "content": content,
		"origin_server_ts": f.lastTime,
	}
	if redacts != "" {
		all["redacts"] = redacts
	}
	raw, _ := json.Marshal(all) //nolint:errchkjson // test data
	f.pushback = append(f.pushback, intent.Event{ID: ev, Room: room, Type: typ, Sender: as, Source: intent.SourcePush, Raw: raw})
}

// flush hands what was pushed to the engine, in one transaction.
func (f *fakeMatrix) flush(ctx context.Context) error {
	f.flushing.Lock() // one transaction at a time, as homeservers do
	defer f.flushing.Unlock()
	f.mu.Lock()
	evs, inbox := f.pushback, f.inbox
	f.pushback = nil
	f.mu.Unlock()
	if len(evs) == 0 {
		return nil
	}
	err := inbox(ctx, evs, nil)
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.pushback = append(evs, f.pushback...)
	}
	return err
}

// eventOf finds the event with a text.
func (f *fakeMatrix) eventOf(room id.RoomID, text string) id.EventID {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ev := range f.rooms[room].events {
		if ev.Content["body"] == text {
			return ev.ID
		}
	}
	return ""
}

// say makes a person write. rel may hold m.relates_to and m.new_content.
func (f *fakeMatrix) say(room id.RoomID, who id.UserID, text string, rel map[string]any) id.EventID {
	f.mu.Lock()
	defer f.mu.Unlock()
	content := map[string]any{"msgtype": "m.text", "body": text}
	maps.Copy(content, rel)
	ev := f.add(room, who, content)
	f.push(room, who, event.EventMessage.Type, "", content, ev.ID)
	return ev.ID
}

// redactBy makes a person remove an event.
func (f *fakeMatrix) redactBy(room id.RoomID, who id.UserID, target id.EventID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastID++
	f.push(room, who, event.EventRedaction.Type, target, map[string]any{}, id.EventID(fmt.Sprintf("$e%d", f.lastID)))
}

// setMember changes a membership and tells the engine.
func (f *fakeMatrix) setMember(room id.RoomID, who id.UserID, membership string) {
	f.setMemberBy(room, who, who, membership)
}

// setMemberBy lets somebody change a membership.
func (f *fakeMatrix) setMemberBy(room id.RoomID, by, who id.UserID, membership string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.membership(room, by, who, membership)
}

// membership needs the lock held.
func (f *fakeMatrix) membership(room id.RoomID, by, who id.UserID, membership string) {
	r := f.rooms[room]
	m := intent.Member{User: who, Membership: membership, By: by, Name: f.names[who]}
	delete(r.members, who)
	delete(r.outs, who)
	if membership == "join" || membership == "invite" {
		r.members[who] = m
	} else {
		r.outs[who] = m
	}
	f.lastID++
	ev := id.EventID(fmt.Sprintf("$e%d", f.lastID))
	raw, _ := json.Marshal(map[string]any{ //nolint:errchkjson // test data
		"event_id": ev, "room_id": room, "type": "m.room.member", "sender": by, "state_key": who,
		"content": map[string]any{"membership": membership, "displayname": f.names[who]},
	})
	f.pushback = append(f.pushback, intent.Event{
		ID: ev, Room: room, Type: "m.room.member", Sender: by, StateKey: new(string(who)), Raw: raw,
	})
}

func (f *fakeMatrix) Redact(_ context.Context, r intent.Redact) (id.EventID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("redact"); err != nil {
		return "", err
	}
	if err := f.asPerson(r.Room, r.As); err != nil {
		return "", err
	}
	for _, ev := range f.rooms[r.Room].events {
		if ev.ID == r.Target {
			ev.Redacted = true
		}
	}
	f.lastID++
	ev := id.EventID(fmt.Sprintf("$e%d", f.lastID))
	f.push(r.Room, r.As, event.EventRedaction.Type, r.Target, map[string]any{}, ev)
	return ev, f.end("redact")
}

func (f *fakeMatrix) Find(_ context.Context, room id.RoomID, as id.UserID, marker string, _ time.Time) (id.EventID, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("find"); err != nil {
		return "", false, err
	}
	for _, ev := range f.rooms[room].events {
		m, ok := ev.Content[intent.MarkerKey].(map[string]any)
		if ok && m["id"] == marker && ev.Sender == as {
			return ev.ID, true, nil
		}
	}
	return "", false, nil
}

// FindAmong finds the oldest event.
func (f *fakeMatrix) FindAmong(
	_ context.Context, room id.RoomID, senders []id.UserID, marker string, _ time.Time,
) (id.EventID, id.UserID, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("find"); err != nil {
		return "", "", false, err
	}
	for _, ev := range f.rooms[room].events {
		m, ok := ev.Content[intent.MarkerKey].(map[string]any)
		if ok && m["id"] == marker && slices.Contains(senders, ev.Sender) {
			return ev.ID, ev.Sender, true, nil
		}
	}
	return "", "", false, nil
}

// asPerson says what acting as somebody's own account is answered.
func (f *fakeMatrix) asPerson(room id.RoomID, user id.UserID) error {
	switch {
	case f.Ours(user):
		return nil
	case !f.puppets, f.rooms[room].members[user].Membership != "join":
		return bridge.ErrForbidden
	}
	return f.denied[user]
}

type roomGhost struct {
	room id.RoomID
	user id.UserID
}

func (f *fakeMatrix) Typing(ctx context.Context, room id.RoomID, user id.UserID, how time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stuck {
		f.mu.Unlock()
		<-ctx.Done()
		f.mu.Lock()
		return ctx.Err()
	}
	if err := f.begin("typing"); err != nil {
		return err
	}
	if f.rooms[room].members[user].Membership != "join" {
		return bridge.ErrForbidden
	}
	f.typing[roomGhost{room, user}] = how > 0
	return f.end("typing")
}

func (f *fakeMatrix) types(room id.RoomID, user id.UserID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.typing[roomGhost{room, user}]
}

func (f *fakeMatrix) EnsureGhost(_ context.Context, user id.UserID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ghosts[user] = true
	return f.begin("register")
}

func (f *fakeMatrix) EnsureJoined(ctx context.Context, room id.RoomID, user id.UserID) error {
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	if before != nil {
		before(ctx, "join")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("join"); err != nil {
		return err
	}
	if f.rooms[room].outs[user].Membership == "ban" {
		return bridge.ErrForbidden
	}
	if f.rooms[room].members[user].Membership != "join" {
		f.joins++
		f.membership(room, user, user, "join")
	}
	return f.end("join")
}

func (f *fakeMatrix) Forget(id.RoomID, id.UserID) {}

func (f *fakeMatrix) SetName(_ context.Context, user id.UserID, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names[user] = name
	return f.end("name")
}

func (f *fakeMatrix) SetAvatar(_ context.Context, user id.UserID, body io.Reader, _ string) (string, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.avatars[user] = string(data)
	return "mxc://x/y", f.end("avatar")
}

func (f *fakeMatrix) ClearAvatar(_ context.Context, user id.UserID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.avatars, user)
	return nil
}

// visible lists what people see in a room: "sender: text", with edits applied and
// redacted messages left out.
func (f *fakeMatrix) visible(room id.RoomID) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.rooms[room]
	if r == nil {
		return nil
	}
	texts := map[id.EventID]int{}
	var out []string
	for _, ev := range r.events {
		rel, _ := ev.Content["m.relates_to"].(map[string]any)
		if rel["rel_type"] == "m.annotation" {
			continue
		}
		if rel["rel_type"] == "m.replace" {
			target, _ := rel["event_id"].(string)
			fresh, _ := ev.Content["m.new_content"].(map[string]any)
			if i, ok := texts[id.EventID(target)]; ok && !ev.Redacted && out[i] != "" {
				out[i] = fmt.Sprintf("%s: %s (edited)", f.show(ev.Sender), fresh["body"])
			}
			continue
		}
		texts[ev.ID] = len(out)
		line := fmt.Sprintf("%s: %s", f.show(ev.Sender), ev.Content["body"])
		if ev.Redacted {
			line = ""
		}
		if rel["rel_type"] == "m.thread" {
			line = "  " + line
		}
		out = append(out, line)
	}
	return slices.DeleteFunc(out, func(s string) bool { return strings.TrimSpace(s) == "" })
}

func (f *fakeMatrix) show(u id.UserID) string {
	if n := f.names[u]; n != "" {
		return n
	}
	return u.Localpart()
}
