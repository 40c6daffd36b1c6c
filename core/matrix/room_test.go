package matrix_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

func field(tb testing.TB, w *world, room id.RoomID, typ, key, name string) any {
	tb.Helper()
	var content map[string]any
	if !w.hs.State(room, typ, key, &content) {
		tb.Fatalf("no %s", typ)
	}
	return content[name]
}

func TestCreateRoom(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		private            bool
		rule, history      string
		invite, eventsDeft float64
	}{
		"open":    {false, "public", "shared", 50, 0},
		"private": {true, "invite", "joined", 100, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, matrixtest.Dendrite)
			anna, admin := w.hs.AddUser("anna", ""), w.hs.AddUser("admin", "")
			room, err := w.CreateRoom(t.Context(), intent.Room{
				AliasLocal: "mm_markt", Name: "Markt", Topic: "Alles", Private: c.private, Invite: []id.UserID{anna},
				Levels: intent.Levels{Moderators: []id.UserID{anna, admin}, Admins: []id.UserID{admin}},
				Bridge: intent.BridgeInfo{StateKey: "steg/mm/1", Protocol: "mattermost", ProtocolTxt: "Mattermost", Network: "mm", Channel: "1", ChannelName: "Markt"},
			})
			if err != nil {
				t.Fatal(err)
			}
			for what, got := range map[string][2]any{
				"rule":      {field(t, w, room, "m.room.join_rules", "", "join_rule"), c.rule},
				"history":   {field(t, w, room, "m.room.history_visibility", "", "history_visibility"), c.history},
				"guests":    {field(t, w, room, "m.room.guest_access", "", "guest_access"), "forbidden"},
				"federate":  {field(t, w, room, "m.room.create", "", "m.federate"), false},
				"version":   {field(t, w, room, "m.room.create", "", "room_version"), "10"},
				"name":      {field(t, w, room, "m.room.name", "", "name"), "Markt"},
				"topic":     {field(t, w, room, "m.room.topic", "", "topic"), "Alles"},
				"service":   {field(t, w, room, "io.element.functional_members", "", "service_members"), []any{string(w.Bot())}},
				"bridge":    {field(t, w, room, "m.bridge", "steg/mm/1", "bridgebot"), string(w.Bot())},
				"old":       {field(t, w, room, "uk.half-shot.bridge", "steg/mm/1", "bridgebot"), string(w.Bot())},
				"invite":    {field(t, w, room, "m.room.power_levels", "", "invite"), c.invite},
				"write":     {field(t, w, room, "m.room.power_levels", "", "events_default"), c.eventsDeft},
				"users":     {field(t, w, room, "m.room.power_levels", "", "users"), map[string]any{string(w.Bot()): 100.0, string(anna): 50.0, string(admin): 100.0}},
				"anna":      {w.hs.Membership(room, anna), "invite"},
				"the alias": {w.hs.Alias(w.AliasFor("mm_markt")), room},
			} {
				if diff := cmp.Diff(got[1], got[0]); diff != "" {
					t.Errorf("%s: %s", what, diff)
				}
			}
			events, _ := field(t, w, room, "m.room.power_levels", "", "events").(map[string]any)
			for _, typ := range []string{"m.room.encryption", "m.room.tombstone", "m.room.power_levels", "m.room.history_visibility"} {
				if events[typ] != 100.0 {
					t.Errorf("%s needs %v", typ, events[typ])
				}
			}
		})
	}
}

// Item 8: two creations at once make one room.
func TestCreateRoomAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	rooms := make([]id.RoomID, 6)
	var wg sync.WaitGroup
	for n := range rooms {
		wg.Go(func() {
			var err error
			if rooms[n], err = w.CreateRoom(t.Context(), intent.Room{AliasLocal: "once"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, room := range rooms {
		if room != rooms[0] || room == "" {
			t.Errorf("%v", rooms)
		}
	}
	if w.hs.Rooms() != 1 {
		t.Errorf("%d rooms", w.hs.Rooms())
	}
}

func TestCreateRoomAfterALostAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	r := intent.Room{AliasLocal: "lost", Name: "Alt"}
	w.hs.Break(1, "/createRoom", matrixtest.Fault{Do: true})
	if _, err := w.CreateRoom(t.Context(), r); bridge.Classify(err) != bridge.ClassTemporary {
		t.Fatal(err)
	}
	r.Name, r.Levels.WriteLocked = "Neu", true
	r.Bridge = intent.BridgeInfo{StateKey: "k", Protocol: "mattermost"}
	r.Invite = []id.UserID{w.hs.AddUser("anna", "")}
	room, err := w.CreateRoom(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if w.hs.Rooms() != 1 || field(t, w, room, "m.room.name", "", "name") != "Neu" ||
		field(t, w, room, "m.room.power_levels", "", "events_default") != 50.0 ||
		field(t, w, room, "m.bridge", "k", "bridgebot") != string(w.Bot()) ||
		w.hs.Membership(room, r.Invite[0]) != "invite" {
		t.Error("the room was not brought to what was asked for")
	}
}

func TestCreateRoomDoesNotTakeAForeignRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	url := w.hs.URL + "/_matrix/client/v3"
	// A ghost of ours made it, but not the bot.
	ghost := w.GhostID("mm", "anna")
	if err := w.EnsureGhost(t.Context(), ghost); err != nil {
		t.Fatal(err)
	}
	if status, body := do(t, "POST", url+"/createRoom?user_id="+string(ghost), "as-token", `{"room_alias_name":"_steg_foreign"}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if _, err := w.CreateRoom(t.Context(), intent.Room{AliasLocal: "foreign"}); !errors.Is(err, bridge.ErrForbidden) {
		t.Errorf("%v", err)
	}
}

// Item 8: joining an alias makes the room; two joins at once make one.
func TestJoiningAnAliasMakesTheRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	w.inbox.alias = func(ctx context.Context, alias id.RoomAlias) (bool, error) {
		local, _ := w.ParseAlias(alias)
		if local != "mm_markt" {
			return false, nil
		}
		_, err := w.CreateRoom(ctx, intent.Room{AliasLocal: local})
		return err == nil, err
	}
	w.serve(t)
	var wg sync.WaitGroup
	for _, name := range []string{"anna", "beat"} {
		token := w.hs.Token(w.hs.AddUser(name, ""))
		wg.Go(func() {
			if status, body := do(t, "POST", w.hs.URL+"/_matrix/client/v3/join/%23_steg_mm_markt:hs.test", token, `{}`); status != 200 {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	wg.Wait()
	if w.hs.Rooms() != 1 {
		t.Errorf("%d rooms", w.hs.Rooms())
	}
	token := w.hs.Token("@anna:hs.test")
	if status, _ := do(t, "POST", w.hs.URL+"/_matrix/client/v3/join/%23_steg_mm_secret:hs.test", token, `{}`); status != 404 {
		t.Errorf("unknown alias: %d", status)
	}
}

func TestUpdateLevels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, ghost := w.portal(t, "levels")
	other := w.GhostID("mm", "beat")
	staff, admin := w.hs.AddUser("staff", ""), w.hs.AddUser("admin", "")

	// What people changed must stay.
	var have map[string]any
	w.hs.State(room, "m.room.power_levels", "", &have)
	have["org.example.custom"] = "kept"
	have["users"].(map[string]any)["@own:hs.test"] = 75 //nolint:forcetypeassert // a test fails loudly
	w.hs.Put(room, w.Bot(), "m.room.power_levels", new(""), have)

	update := func(l intent.Levels) {
		t.Helper()
		if err := w.UpdateLevels(t.Context(), room, l); err != nil {
			t.Fatal(err)
		}
	}
	users := func() any { return field(t, w, room, "m.room.power_levels", "", "users") }
	locked := intent.Levels{WriteLocked: true, Speakers: []id.UserID{ghost, other, staff}, Admins: []id.UserID{admin}}
	update(locked)
	want := map[string]any{
		string(w.Bot()): 100.0, "@own:hs.test": 75.0, string(ghost): 50.0, string(other): 50.0, string(staff): 50.0, string(admin): 100.0,
	}
	if diff := cmp.Diff(want, users()); diff != "" {
		t.Error(diff)
	}
	if field(t, w, room, "m.room.power_levels", "", "events_default") != 50.0 || field(t, w, room, "m.room.power_levels", "", "org.example.custom") != "kept" {
		t.Error("not locked, or not kept")
	}
	count := len(w.hs.Events(room, "m.room.power_levels"))
	update(locked)
	if got := len(w.hs.Events(room, "m.room.power_levels")); got != count {
		t.Error("written without need")
	}
	if _, err := w.Send(t.Context(), message(room, ghost, "1")); err != nil {
		t.Errorf("a speaker may not write: %v", err)
	}
	if level, err := w.PowerLevel(t.Context(), room, staff); level != 50 || err != nil {
		t.Errorf("level %d %v", level, err)
	}
	if level, err := w.PowerLevel(t.Context(), room, "@nobody:hs.test"); level != 0 || err != nil {
		t.Errorf("level %d %v", level, err)
	}
	third := w.GhostID("mm", "third")
	update(intent.Levels{WriteLocked: true, Speakers: []id.UserID{third}, Keep: true})
	want[string(third)] = 50.0
	if diff := cmp.Diff(want, users()); diff != "" {
		t.Errorf("one more speaker: %s", diff)
	}
	update(intent.Levels{Keep: true}) // nobody needs a level in an open room
	for _, user := range []id.UserID{ghost, other, third} {
		delete(want, string(user))
	}
	if diff := cmp.Diff(want, users()); diff != "" {
		t.Error(diff)
	}
}

func TestUpdateLevelsWithoutPower(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	anna := w.hs.AddUser("anna", "")
	if err := w.EnsureGhost(t.Context(), w.Bot()); err != nil {
		t.Fatal(err)
	}
	room := w.hs.AddRoom(anna, true, w.Bot())
	err := w.UpdateLevels(t.Context(), room, intent.Levels{WriteLocked: true})
	if !errors.Is(err, bridge.ErrForbidden) || !strings.Contains(err.Error(), "has level 0 and needs 100") {
		t.Errorf("%v", err)
	}
}

func TestRoomInfoIsWrittenOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, _ := w.portal(t, "info")
	info := intent.BridgeInfo{StateKey: "k", Protocol: "mattermost", Network: "mm"}
	for range 3 {
		if err := w.SetRoomInfo(t.Context(), room, "Neu", "Thema"); err != nil {
			t.Fatal(err)
		}
		if err := w.SetBridgeInfo(t.Context(), room, info); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SetRoomInfo(t.Context(), room, "", ""); err != nil {
		t.Fatal(err)
	}
	if field(t, w, room, "m.room.name", "", "name") != "Neu" || field(t, w, room, "m.room.topic", "", "topic") != "" {
		t.Error("wrong name or topic")
	}
	for typ, want := range map[string]int{"m.room.name": 2, "m.room.topic": 2, "m.bridge": 1, "uk.half-shot.bridge": 1} {
		if got := len(w.hs.Events(room, typ)); got != want {
			t.Errorf("%s written %d times, want %d", typ, got, want)
		}
	}
}

func TestDirectRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	anna := w.hs.AddUser("anna", "")
	room, err := w.CreateDirect(t.Context(), anna)
	if err != nil {
		t.Fatal(err)
	}
	if w.hs.Membership(room, anna) != "invite" || field(t, w, room, "m.room.join_rules", "", "join_rule") != "invite" {
		t.Error("not invited, or not private")
	}
}
