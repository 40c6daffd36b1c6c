package command_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/command"
	"github.com/steg-bridge/steg/core/store"
)

// traffic gives each school a portal: gym's has one message delivered, one dead
// and one waiting; sek's has one dead.
func (w *world) traffic(t *testing.T) (gymPortal, sekPortal store.Portal) {
	t.Helper()
	gymPortal = w.link(t, gym, command.LinkRequest{Bridge: "mm", Chat: "gym/markt"})
	sekPortal = w.link(t, sek, command.LinkRequest{Bridge: "rc", Chat: "gym/klasse-1a"})
	in := store.LaneKey{School: "gym", Bridge: "mm", Portal: gymPortal.ID, Dir: store.DirIn}
	out := store.LaneKey{School: "sek", Bridge: "rc", Portal: sekPortal.ID, Dir: store.DirOut}
	instance, err := w.store.AcquireInstance(t.Context())
	if err != nil {
		t.Fatalf("acquire: %v", err)
	}
	intake := store.Intake{}
	for _, e := range []store.Entry{{Lane: in, Key: "a"}, {Lane: in, Key: "b"}, {Lane: in, Key: "c"}, {Lane: out, Key: "d"}} {
		e.Kind, e.Payload = "message", []byte("content")
		intake.Entries = append(intake.Entries, e)
	}
	result, err := instance.Commit(t.Context(), &store.Batch{Intakes: []store.Intake{intake}})
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	ends := map[bridge.Key]store.Done{
		"a": {Verdict: store.Delivered}, "b": {Verdict: store.Dead, Reason: "too large for the network"}, "d": {Verdict: store.Dead, Reason: "not found"},
	}
	batch := &store.Batch{Notes: []store.LaneNote{{Lane: in, Attempts: 3, LastError: "temporary: network down"}}}
	for _, growth := range result.Grown {
		for _, item := range growth.Items {
			if end, ends := ends[item.Key]; ends {
				end.Item = item
				batch.Ends = append(batch.Ends, end)
			}
		}
	}
	if _, err := instance.Commit(t.Context(), batch); err != nil {
		t.Fatalf("end items: %v", err)
	}
	if err := instance.Release(t.Context()); err != nil {
		t.Fatalf("release: %v", err)
	}
	state := store.LoginState{Bridge: "mm", Login: login, State: bridge.StateBroken, Cause: "connection refused", Since: w.now}
	if err := w.store.SaveLogin(t.Context(), state); err != nil {
		t.Fatalf("save login: %v", err)
	}
	return gymPortal, sekPortal
}

func TestStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gymPortal, _ := w.traffic(t)
	all, err := w.Status(t.Context(), operator)
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	if want := (command.Account{Received: 4, Delivered: 1, Dead: 2, Pending: 1}); all.Account != want {
		t.Errorf("account = %v, want %v", all.Account, want)
	}
	if len(all.Portals) != 2 || len(all.Bridges) != 6 {
		t.Errorf("%d portals, %d bridges", len(all.Portals), len(all.Bridges))
	}
	own, err := w.Status(t.Context(), gym)
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	want := []command.PortalStatus{{
		Number: gymPortal.ID, School: "gym", Bridge: "mm", Chat: gymPortal.Chat, Ref: "gym/markt", Mode: store.ModeAnnounce,
		In: command.LaneStatus{
			Account: command.Account{Received: 3, Delivered: 1, Dead: 1, Pending: 1},
			Oldest:  w.now, Attempts: 3, LastError: "temporary: network down",
		},
	}}
	if diff := cmp.Diff(want, own.Portals); diff != "" {
		t.Errorf("what gym sees (-want +got):\n%s", diff)
	}
	if own.Account.Received != 3 || own.Drops != nil {
		t.Errorf("gym sees the account %v and drops %v", own.Account, own.Drops)
	}
	_, err = w.Status(t.Context(), command.Caller{User: pupil})
	refused(t, err, "administrators")

	w.now = w.now.Add(5 * time.Minute)
	reply := w.Execute(t.Context(), gymAdmin, "status")
	for _, words := range []string{
		"mm: broken (connection refused)", "mm gym/markt: announce, no room yet, not followed yet, 1 wait to Matrix since 5 min (temporary: network down), 1 dead to Matrix",
		"received 3 = delivered 1 + dropped 0 + dead 1 + pending 1",
	} {
		if !strings.Contains(reply, words) {
			t.Errorf("status lacks %q:\n%s", words, reply)
		}
	}
	if strings.Contains(reply, "klasse-1a") {
		t.Errorf("gym sees sek's chat:\n%s", reply)
	}
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.traffic(t)
	all, err := w.DeadLetters(t.Context(), operator, 10)
	if err != nil || len(all) != 2 {
		t.Fatalf("dead letters: %v, %v", all, err)
	}
	own, err := w.DeadLetters(t.Context(), gym, 10)
	if err != nil || len(own) != 1 || own[0].Ref != "gym/markt" || own[0].Reason != "too large for the network" {
		t.Fatalf("dead letters of gym: %+v, %v", own, err)
	}
	other := all[0].Number + all[1].Number - own[0].Number
	refused(t, w.Replay(t.Context(), gym, other), "no dead letter")
	refused(t, w.Discard(t.Context(), gym, other), "no dead letter")
	refused(t, w.Replay(t.Context(), gym, 999), "no dead letter")
	if err := w.Replay(t.Context(), gym, own[0].Number); err != nil {
		t.Errorf("replay: %v", err)
	}
	if err := w.Discard(t.Context(), operator, other); err != nil {
		t.Errorf("discard: %v", err)
	}
	refused(t, w.Discard(t.Context(), operator, other), "no dead letter")
	s, err := w.Status(t.Context(), operator)
	if want := (command.Account{Received: 4, Delivered: 1, Dropped: 1, Pending: 2}); err != nil || s.Account != want {
		t.Errorf("account = %v, %v; want %v", s.Account, err, want)
	}
	if s.Drops[store.DropDiscarded] != 1 {
		t.Errorf("drops = %v", s.Drops)
	}
}

func TestExecute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.accounts.off = true
	// In this order: each line builds on the ones before.
	for _, c := range []struct{ line, want string }{
		{"", "Commands:"},
		{"help", "Commands:"},
		{"!steg help", "Commands:"},
		{"hello there", "help for what I can do"},
		{"link", "Write: link"},
		{"link mm gym/markt --loud", "Write: link"},
		{`link "mm gym/markt`, "quote"},
		{"link mm gym/none", "No such chat"},
		{"LINK mm gym/markt", "mm gym/markt is linked: from the network to Matrix only. Its room is being made"},
		{"link mm gym/markt", "linked already"},
		{"mode mm gym/markt", "Write: mode"},
		{"mode mm gym/markt loud", "no mode loud"},
		{"mode mm gym/markt Both", "mode both (both ways)"},
		{"status", "mm gym/markt: both"},
		{"unlink mm", "Write: unlink"},
		{"unlink mm gym/markt", "no longer linked"},
		{"link —mode both mm “gym/staff” --member @a:school.example --member @*:x.example", "mm gym/staff is linked: both ways"},
		{"link mm gym/klasse-1a --room=#hall:school.example --mode inbox --school gym", "is linked: from Matrix to the network only."},
		{"deadletters", "no dead letters"},
		{"replay", "Write: replay NUMBER"},
		{"replay x", "Write: replay NUMBER"},
		{"discard 7", "no dead letter 7"},
	} {
		if got := w.Execute(t.Context(), gymAdmin, c.line); !strings.Contains(got, c.want) {
			t.Errorf("%q is answered with %q, want %q in it", c.line, got, c.want)
		}
	}
	for _, line := range []string{"help", "status", "link mm gym/markt", "discard 1", ""} {
		if got := w.Execute(t.Context(), pupil, line); !strings.HasPrefix(got, "Sorry") {
			t.Errorf("a pupil's %q is answered with %q", line, got)
		}
	}
	if got := w.Execute(t.Context(), "", "status"); got != "" {
		t.Errorf("a message without sender is answered with %q", got)
	}
}

func TestExecuteDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.traffic(t)
	letters, err := w.DeadLetters(t.Context(), gym, 1)
	if err != nil || len(letters) != 1 {
		t.Fatalf("dead letters: %v, %v", letters, err)
	}
	reply := w.Execute(t.Context(), gymAdmin, "deadletters")
	if !strings.Contains(reply, "mm gym/markt, to Matrix, since 2026-11-22 12:00 UTC: too large for the network") || strings.Contains(reply, "not found") {
		t.Errorf("reply = %q", reply)
	}
	number := strconv.FormatInt(letters[0].Number, 10)
	if reply := w.Execute(t.Context(), gymAdmin, "replay "+number); reply != "Dead letter "+number+" goes out again." {
		t.Errorf("reply = %q", reply)
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 59 * time.Second: "59 s", time.Minute: "1 min", 59 * time.Minute: "59 min",
		time.Hour: "1 h", 47 * time.Hour: "47 h", 48 * time.Hour: "2 days",
	} {
		if got := command.Age(d); got != want {
			t.Errorf("Age(%v) = %q, want %q", d, got, want)
		}
	}
}
