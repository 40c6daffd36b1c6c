package matrix_test

import (
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

// setAlertLevel changes what a room asks of who alerts everybody.
func setAlertLevel(t *testing.T, w *world, room id.RoomID, level any) {
	t.Helper()
	have := map[string]any{}
	w.hs.State(room, "m.room.power_levels", "", &have)
	have["notifications"] = map[string]any{"room": level}
	w.hs.Put(room, w.Bot(), "m.room.power_levels", new(""), have)
}

func TestMayAlert(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, ghost := w.portal(t, "alert")
	anna := w.hs.AddUser("anna", "")
	may := func(user id.UserID, raise, want bool) {
		t.Helper()
		got, err := w.MayAlert(t.Context(), room, user, raise)
		if err != nil || got != want {
			t.Errorf("%s, raise %v: %v, %v; want %v", user, raise, got, err, want)
		}
	}
	may(w.Bot(), false, true)
	may(anna, false, false)
	may(anna, true, false) // only ghosts are ours to raise
	may(ghost, false, false)
	before := len(w.hs.Events(room, "m.room.power_levels"))
	may(ghost, true, true)
	may(ghost, true, true)
	may(ghost, false, true)
	if n := len(w.hs.Events(room, "m.room.power_levels")) - before; n != 1 {
		t.Errorf("levels written %d times, want once", n)
	}
	if level, err := w.PowerLevel(t.Context(), room, ghost); level != 50 || err != nil {
		t.Errorf("the ghost's level is %d, %v", level, err)
	}

	other := w.GhostID("mm", "beat")
	setAlertLevel(t, w, room, 100)
	may(ghost, true, false) // a room that asks for more than a moderator's wants fewer
	setAlertLevel(t, w, room, 20)
	may(other, false, false)
	may(other, true, true)
	if level, err := w.PowerLevel(t.Context(), room, other); level != 20 || err != nil {
		t.Errorf("the ghost's level is %d, %v", level, err)
	}
	setAlertLevel(t, w, room, 0)
	may(anna, false, true)
	setAlertLevel(t, w, room, "0") // as old rooms have it
	may(anna, false, true)
}

// Where the bot may not raise a ghost, that is the answer and no error.
func TestMayAlertWithoutPower(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	anna, ghost := w.hs.AddUser("anna", ""), w.GhostID("mm", "anna")
	if err := w.EnsureGhost(t.Context(), w.Bot()); err != nil {
		t.Fatal(err)
	}
	room := w.hs.AddRoom(anna, true, w.Bot(), ghost)
	if may, err := w.MayAlert(t.Context(), room, ghost, true); may || err != nil {
		t.Errorf("%v, %v", may, err)
	}
	if may, err := w.MayAlert(t.Context(), room, anna, false); !may || err != nil {
		t.Errorf("the room's creator: %v, %v", may, err)
	}
}
