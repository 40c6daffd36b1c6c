package matrix_test

import (
	"errors"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

func TestTombstone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	if err := w.EnsureGhost(t.Context(), w.Bot()); err != nil {
		t.Fatal(err)
	}
	anna, beat := w.hs.AddUser("anna", ""), w.hs.AddUser("beat", "")
	room := w.hs.AddRoom(anna, true, w.Bot())
	if _, err := w.Tombstone(t.Context(), room); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("a room that goes on: %v", err)
	}
	none := ""
	w.hs.Put(room, anna, "m.room.tombstone", &none, map[string]any{"replacement_room": "!next:hs.test", "body": "gone"})
	got, err := w.Tombstone(t.Context(), room)
	if err != nil || got.Sender != anna || got.Replacement != "!next:hs.test" || got.At.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	w.hs.Put(room, beat, "m.room.tombstone", &none, map[string]any{"replacement_room": []string{"!next:hs.test"}})
	if got, err = w.Tombstone(t.Context(), room); err != nil || got.Sender != beat || got.Replacement != "" {
		t.Errorf("a malformed one: %+v, %v", got, err)
	}
	begun, err := w.Creation(t.Context(), room)
	if err != nil || begun.Creator != anna || begun.Predecessor != "" {
		t.Errorf("%+v, %v", begun, err)
	}
	for user, want := range map[id.UserID]bool{anna: true, beat: false} {
		if may, err := w.MaySet(t.Context(), room, user, "m.room.tombstone"); err != nil || may != want {
			t.Errorf("%s may close the room: %v, %v", user, may, err)
		}
	}
}

// What was said in a room is read oldest first, without what never crosses.
func TestBacklog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	if err := w.EnsureGhost(t.Context(), w.Bot()); err != nil {
		t.Fatal(err)
	}
	anna := w.hs.AddUser("anna", "")
	room := w.hs.AddRoom(anna, true, w.Bot())
	var want []id.EventID
	for range 250 { // several pages
		want = append(want, w.hs.Say(room, anna, "text"))
	}
	none := ""
	w.hs.Put(room, anna, "m.room.topic", &none, map[string]any{"topic": "no message"})
	got, err := w.Backlog(t.Context(), room)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d events, %v; want %d", len(got), err, len(want))
	}
	for n, ev := range got {
		if ev.ID != want[n] || ev.Room != room {
			t.Fatalf("event %d is %s of %s", n, ev.ID, ev.Room)
		}
	}
}
