package matrix_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

// newPuppetWorld has a homeserver with both registrations and Anna, a person, in a
// room of ours.
func newPuppetWorld(t *testing.T, token string) (w *world, room id.RoomID, anna id.UserID) {
	t.Helper()
	w = newWorld(t, matrixtest.Synapse, func(o *matrix.Options) { o.PuppetToken = token })
	w.hs.PuppetToken = "puppet-token"
	room, _ = w.portal(t, "puppets")
	anna = w.hs.AddUser("anna", "Anna")
	w.hs.Member(room, anna, anna, "join")
	return w, room, anna
}

func TestSendAsPerson(t *testing.T) {
	t.Parallel()
	w, room, anna := newPuppetWorld(t, "puppet-token")
	if err := w.CanActAs(t.Context(), anna); err != nil || !w.Puppets() {
		t.Fatal(err)
	}
	m := message(room, anna, "t1")
	m.Marker.Item = "key"
	sent, err := w.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	all := w.hs.Events(room, "m.room.message")
	if len(all) != 1 || all[0].Sender != anna || !strings.Contains(string(all[0].Content), `"item":"key"`) {
		t.Fatalf("%+v", all)
	}
	// Her program copies it, marker and all; she leaves.
	w.hs.Put(room, anna, "m.room.message", nil, all[0].Content)
	w.hs.Member(room, anna, anna, "leave")
	found, sender, ok, err := w.FindAmong(t.Context(), room, []id.UserID{w.GhostID("mm", "u"), anna}, "t1", time.Now())
	if err != nil || !ok || found != sent || sender != anna {
		t.Errorf("%s by %s, %v %v; want %s", found, sender, ok, err, sent)
	}
	if _, _, ok, err := w.FindAmong(t.Context(), room, []id.UserID{w.GhostID("mm", "u")}, "t1", time.Now()); ok || err != nil {
		t.Errorf("found by another sender: %v", err)
	}
	// We bring nobody into a room, and no other user is made of a refusal.
	if _, err := w.Send(t.Context(), message(room, anna, "t2")); !errors.Is(err, bridge.ErrForbidden) {
		t.Errorf("sent as somebody who has left: %v", err)
	}
	if m := w.hs.Membership(room, anna); m != "leave" {
		t.Errorf("membership %q", m)
	}
}

// TestPersonsNeedARegistration: without the right token nothing is done as a person,
// and nothing else is hindered by it.
func TestPersonsNeedARegistration(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]error{"": matrix.ErrNoPuppets, "wrong": matrix.ErrNotPuppet} {
		w, room, anna := newPuppetWorld(t, token)
		_, err := w.Send(t.Context(), message(room, anna, "t1"))
		if !errors.Is(err, want) || !errors.Is(err, bridge.ErrForbidden) || bridge.Classify(err) != bridge.ClassPermanent {
			t.Errorf("token %q: %v", token, err)
		}
		if err := w.CanActAs(t.Context(), anna); !errors.Is(err, bridge.ErrForbidden) {
			t.Errorf("token %q: %v", token, err)
		}
		if n := len(w.hs.Events(room, "m.room.message")); n != 0 {
			t.Errorf("token %q: %d messages", token, n)
		}
		if _, err := w.Send(t.Context(), message(room, w.Bot(), "t2")); err != nil {
			t.Errorf("token %q: as the bot: %v", token, err)
		}
	}
}

func TestCheckPuppets(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]bridge.Level{"puppet-token": bridge.LevelOK, "wrong": bridge.LevelFail} {
		w, _, _ := newPuppetWorld(t, token)
		told := false
		for _, f := range w.Check(t.Context()) {
			if strings.Contains(f.What, "double puppets") {
				told = true
				if f.Level != want {
					t.Errorf("%s: %+v", token, f)
				}
			}
		}
		if !told {
			t.Errorf("%s: nothing is said of double puppets", token)
		}
	}
}

func TestPuppetRegistration(t *testing.T) {
	t.Parallel()
	made := matrix.NewPuppetRegistration(wanted)
	body, err := made.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"url: null\n", `^@.*:school\.example$`, "exclusive: false", "id: steg-double-puppets"} {
		if !strings.Contains(string(body), line) {
			t.Errorf("no %q in:\n%s", line, body)
		}
	}
	file := filepath.Join(t.TempDir(), "doublepuppets.yaml")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	load := func() *matrix.PuppetRegistration {
		r, err := matrix.LoadPuppetRegistration(file)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if got := load(); got.ASToken != made.ASToken || got.SenderLocalpart != made.SenderLocalpart || len(got.ASToken) < 40 {
		t.Error("what was written is not what is read")
	}
	if got := load().Compare(wanted); len(got) != 1 || got[0].Level != bridge.LevelOK {
		t.Errorf("%+v", got)
	}
	address := "http://127.0.0.1:1"
	for name, c := range map[string]struct {
		change func(*matrix.PuppetRegistration)
		level  bridge.Level
		word   string
	}{
		"url":       {func(r *matrix.PuppetRegistration) { r.URL = &address }, bridge.LevelFail, "url"},
		"id":        {func(r *matrix.PuppetRegistration) { r.ID = "steg" }, bridge.LevelFail, "id"},
		"people":    {func(r *matrix.PuppetRegistration) { r.Namespaces.Users[0].Regex = "^@.*:other$" }, bridge.LevelFail, "none"},
		"exclusive": {func(r *matrix.PuppetRegistration) { r.Namespaces.Users[0].Exclusive = true }, bridge.LevelFail, "reserves"},
		"limited":   {func(r *matrix.PuppetRegistration) { r.RateLimited = true }, bridge.LevelWarn, "rate_limited"},
	} {
		r := load()
		c.change(r)
		got := r.Compare(wanted)
		if len(got) != 1 || got[0].Level != c.level || !strings.Contains(got[0].What, c.word) || got[0].Fix == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
