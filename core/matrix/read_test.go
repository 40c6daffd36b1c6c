package matrix_test

import (
	"errors"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

func TestRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, _ := w.portal(t, "read")
	anna := w.hs.AddUser("anna", "")
	w.hs.Member(room, anna, anna, "join")
	said := w.hs.Say(room, anna, "hello")
	if err := w.Read(t.Context(), room, said); err != nil {
		t.Fatal(err)
	}
	if got := w.hs.Read(room, w.Bot()); got != said {
		t.Errorf("read up to %q, want %q", got, said)
	}
	if err := w.Read(t.Context(), "!elsewhere:hs.test", said); !errors.Is(err, bridge.ErrForbidden) {
		t.Errorf("read outside: %v", err)
	}
}
