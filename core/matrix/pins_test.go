package matrix_test

import (
	"errors"
	"slices"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

func TestPins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, _ := w.portal(t, "pins")
	want := func(pins ...id.EventID) {
		t.Helper()
		got, err := w.Pinned(t.Context(), room)
		if err != nil || !slices.Equal(got, pins) {
			t.Errorf("%v %v, want %v", got, err, pins)
		}
	}
	want()
	for _, pins := range [][]id.EventID{{"$b", "$a"}, {"$a"}, nil} {
		if err := w.SetPinned(t.Context(), room, pins); err != nil {
			t.Fatal(err)
		}
		want(pins...)
	}
	// What others wrote there need not make sense.
	w.hs.Put(room, w.Bot(), "m.room.pinned_events", new(""), map[string]any{"pinned": []any{"$a", 5, nil, "", "$b"}})
	want("$a", "$b")
	w.hs.Put(room, w.Bot(), "m.room.pinned_events", new(""), map[string]any{"pinned": "$a"})
	if got, err := w.Pinned(t.Context(), room); err != nil || len(got) > 1 {
		t.Errorf("%v %v", got, err)
	}
	if err := w.SetPinned(t.Context(), "!nothing:hs.test", nil); !errors.Is(err, bridge.ErrForbidden) {
		t.Errorf("a room that is not ours: %v", err)
	}
}
