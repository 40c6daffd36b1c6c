package matrix_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

// via is where a space's child or parent can be found; nil when it is none.
func via(w *world, room id.RoomID, typ, key string) any {
	var content map[string]any
	if !w.hs.State(room, typ, key, &content) {
		return nil
	}
	return content["via"]
}

// writesOf counts the state events that were written.
func writesOf(w *world) (n int) {
	for _, r := range w.hs.Requests("/state/") {
		if r.Method == http.MethodPut {
			n++
		}
	}
	return n
}

func TestSpace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	ctx := t.Context()
	space, err := w.CreateRoom(ctx, intent.Room{AliasLocal: "mm_gym+gym", Name: "Gym", Space: true, Place: intent.Place{Rule: intent.JoinInvite}})
	if err != nil {
		t.Fatal(err)
	}
	closed := intent.Place{Rule: intent.JoinSpace, Space: space}
	room, err := w.CreateRoom(ctx, intent.Room{AliasLocal: "mm_gym.markt", Name: "Markt", Place: closed})
	if err != nil {
		t.Fatal(err)
	}
	here := []any{w.ServerName()}
	allow := []any{map[string]any{"type": "m.room_membership", "room_id": string(space)}}
	want := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	want("type", field(t, w, space, "m.room.create", "", "type"), "m.space")
	want("rule of the space", field(t, w, space, "m.room.join_rules", "", "join_rule"), "invite")
	want("rule", field(t, w, room, "m.room.join_rules", "", "join_rule"), "restricted")
	want("allow", field(t, w, room, "m.room.join_rules", "", "allow"), allow)
	want("history", field(t, w, room, "m.room.history_visibility", "", "history_visibility"), "shared")
	want("parent", field(t, w, room, "m.space.parent", string(space), "via"), here)
	want("canonical", field(t, w, room, "m.space.parent", string(space), "canonical"), true)

	// What is so already is not written again.
	writes := writesOf(w)
	if err := w.SetPlace(ctx, room, closed); err != nil {
		t.Fatal(err)
	}
	want("writes", writesOf(w), writes)

	// Private, open again in another space, and in none.
	for _, step := range []struct {
		place       intent.Place
		rule        string
		here, there any
	}{
		{intent.Place{Rule: intent.JoinInvite, Space: space}, "invite", here, nil},
		{intent.Place{Rule: intent.JoinAll, Space: "!other:hs.test", Former: space}, "public", nil, here},
		{intent.Place{Rule: intent.JoinAll, Former: "!other:hs.test"}, "public", nil, nil},
	} {
		if err := w.SetPlace(ctx, room, step.place); err != nil {
			t.Fatal(err)
		}
		want("rule", field(t, w, room, "m.room.join_rules", "", "join_rule"), step.rule)
		want("history stays closed", field(t, w, room, "m.room.history_visibility", "", "history_visibility"), "joined")
		want("space", via(w, room, "m.space.parent", string(space)), step.here)
		want("other space", via(w, room, "m.space.parent", "!other:hs.test"), step.there)
	}
}

func TestSetChildren(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	ctx := t.Context()
	admin := w.hs.AddUser("admin", "")
	space, err := w.CreateRoom(ctx, intent.Room{AliasLocal: "mm_gym+gym", Space: true})
	if err != nil {
		t.Fatal(err)
	}
	key := "!admins:hs.test"
	w.hs.Put(space, admin, "m.space.child", &key, map[string]any{"via": []string{"hs.test"}})
	for _, rooms := range [][]id.RoomID{{"!a:hs.test", "!b:hs.test"}, {"!b:hs.test", "!c:hs.test"}, {}, {"!a:hs.test"}} {
		if err := w.SetChildren(ctx, space, rooms); err != nil {
			t.Fatal(err)
		}
		shown := map[id.RoomID]bool{"!a:hs.test": false, "!b:hs.test": false, "!c:hs.test": false}
		for _, r := range rooms {
			shown[r] = true
		}
		for r, want := range shown {
			if got := via(w, space, "m.space.child", string(r)) != nil; got != want {
				t.Errorf("%v: %s is shown: %v", rooms, r, got)
			}
		}
		if via(w, space, "m.space.child", key) == nil {
			t.Errorf("%v: the room that an admin put there is gone", rooms)
		}
		writes := writesOf(w)
		if err := w.SetChildren(ctx, space, rooms); err != nil {
			t.Fatal(err)
		}
		if got := writesOf(w); got != writes {
			t.Errorf("%v: written again", rooms)
		}
	}
}
