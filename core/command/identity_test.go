package command_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/command"
	"github.com/steg-bridge/steg/core/store"
)

const rival = id.UserID("@rival:school.example")

// accounts is what a homeserver lets us do.
type accounts struct {
	off    bool
	denied map[id.UserID]error
}

func (a *accounts) Puppets() bool { return !a.off }

func (a *accounts) CanActAs(_ context.Context, user id.UserID) error { return a.denied[user] }

func (a *accounts) Ours(user id.UserID) bool { return strings.HasPrefix(string(user), "@_steg_") }

// says lets somebody write a line and wants words in the answer.
func (w *world) says(t *testing.T, who id.UserID, line, want string) string {
	t.Helper()
	got := w.Execute(t.Context(), who, line)
	if !strings.Contains(got, want) {
		t.Errorf("%s writes %q, want %q in the answer:\n%s", who, line, want, got)
	}
	return got
}

var codeShape = regexp.MustCompile(`\b(\d{4} \d{4})\b`)

// code is the last code that a person was told on the network.
func (w *world) code(t *testing.T, user bridge.UserID, count int) string {
	t.Helper()
	told := w.net.Confided(user)
	if len(told) != count {
		t.Fatalf("%d messages were told, want %d", len(told), count)
	}
	if count == 0 {
		return ""
	}
	found := codeShape.FindString(told[count-1])
	if found == "" {
		t.Fatalf("no code in %q", told[count-1])
	}
	return found
}

// proven makes a link that waits for approval and returns its number.
func (w *world) proven(t *testing.T, who id.UserID, user bridge.UserID) int64 {
	t.Helper()
	told := len(w.net.Confided(user))
	w.says(t, who, "identity mm "+string(user), "private message")
	w.says(t, who, "identity mm "+w.code(t, user, told+1), "administrators must approve")
	all, err := w.store.Identities(t.Context(), store.IdentityProven)
	if err != nil || len(all) == 0 {
		t.Fatalf("nothing is proven: %v", err)
	}
	return all[len(all)-1].ID
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kim := w.net.NewUser("Kim Kessler")
	w.says(t, pupil, "help", "identity BRIDGE NAME")
	w.says(t, pupil, "status", "administrators of a school")
	w.says(t, pupil, "identity", "None of your accounts")
	w.says(t, pupil, "identity mm "+string(kim), "private message")
	if told := w.net.Confided(kim); !strings.Contains(told[0], string(pupil)) || !strings.Contains(told[0], "do nothing") {
		t.Errorf("told: %q", told[0])
	}
	code := w.code(t, kim, 1)
	w.says(t, pupil, "identity", "waits for the code")
	w.says(t, gymAdmin, "identities", "none wait")
	if strings.Contains(w.says(t, pupil, "identity mm "+code, "administrators must approve"), "@") {
		t.Error("the answer names somebody")
	}
	w.says(t, pupil, "identity", "waits for your school's administrators")
	w.says(t, pupil, "identity mm "+string(kim), "have yet to approve")
	w.says(t, pupil, "identity approve 1", "administrators of a school")
	w.says(t, gymAdmin, "identities", "1: "+string(pupil)+" is "+string(kim)+" (shown as Kim Kessler) on mm: WAITS FOR YOU")
	w.says(t, sekAdmin, "identities", "none wait") // another school sees nothing
	w.says(t, sekAdmin, "identity approve 1", "no link with number 1")
	w.says(t, sekAdmin, "identity remove 1", "no link with number 1")
	w.says(t, gymAdmin, "identity approve 1", "holds now")
	w.says(t, gymAdmin, "identity approve 1", "not waiting")
	w.says(t, gymAdmin, "identities", "on mm: holds")
	w.says(t, pupil, "identity", "holds")
	w.says(t, pupil, "identity mm "+string(kim), "linked on mm already")
	w.says(t, gymAdmin, "help", "identity approve NUMBER")

	// Each side can end it.
	w.says(t, pupil, "identity remove mm", "linked no longer")
	w.says(t, pupil, "identity remove mm", "You have no link")
	number := w.proven(t, pupil, kim)
	if err := w.RejectIdentity(t.Context(), gym, number); err != nil {
		t.Fatal(err)
	}
	refused(t, w.ApproveIdentity(t.Context(), gym, number), "not waiting")
	number = w.proven(t, pupil, kim)
	if err := w.ApproveIdentity(t.Context(), operator, number); err != nil {
		t.Fatal(err)
	}
	if err := w.RemoveIdentity(t.Context(), gym, number); err != nil {
		t.Fatal(err)
	}
	refused(t, w.RemoveIdentity(t.Context(), gym, number), "ended already")

	audits, err := w.store.Audits(t.Context(), 50)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, a := range audits {
		all.WriteString(string(a.School) + " " + a.Who + " " + a.What + "\n")
	}
	for _, want := range []string{
		"gym @pupil:school.example asked for identity 1", "gym @pupil:school.example proved identity 1",
		"gym @gym:school.example approved identity 1", "gym @pupil:school.example removed identity 1",
		"gym @gym:school.example rejected identity", "gym operator approved identity", "gym @gym:school.example removed identity",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no audit %q in:\n%s", want, all.String())
		}
	}
	if strings.Contains(all.String(), "Kim") || strings.Contains(all.String(), code) {
		t.Errorf("the audit tells a name or a code:\n%s", all.String())
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kim := w.net.NewUser("Kim Kessler")
	ask := "identity mm " + string(kim)
	w.says(t, pupil, "identity mm 12345678", "private message") // a name like any other, as nothing is asked

	// Wrong codes end it.
	w.says(t, pupil, ask, "private message")
	code := w.code(t, kim, 1)
	stored, err := w.store.IdentitiesOf(t.Context(), pupil)
	if err != nil || strings.Contains(stored[len(stored)-1].Code, strings.ReplaceAll(code, " ", "")) {
		t.Errorf("the code is stored: %v", err)
	}
	wrong := "0000 0000"
	if code == wrong {
		wrong = "0000 0001"
	}
	for _, want := range []string{"4 more", "3 more", "2 more", "1 more", "for the last time"} {
		w.says(t, pupil, "identity mm "+wrong, want)
	}
	if _, err := w.ProveIdentity(t.Context(), command.Caller{User: pupil}, "mm", code); err == nil {
		t.Error("the right code came too late and was taken")
	}
	// So does time, and a newer code.
	w.says(t, pupil, ask, "private message")
	code = w.code(t, kim, 2)
	w.now = w.now.Add(16 * time.Minute)
	w.says(t, pupil, "identity mm "+code, "too old")
	w.says(t, pupil, ask, "private message")
	older := w.code(t, kim, 3)
	w.says(t, pupil, ask, "private message")
	w.says(t, pupil, "identity mm "+older, "not the code")
	// It is nobody else's, and good once.
	code = w.code(t, kim, 4)
	if _, err := w.ProveIdentity(t.Context(), command.Caller{User: rival}, "mm", code); err == nil {
		t.Error("somebody else used the code")
	}
	w.says(t, pupil, "identity mm "+strings.ReplaceAll(code, " ", "-"), "must approve")
	if _, err := w.ProveIdentity(t.Context(), command.Caller{User: pupil}, "mm", code); err == nil {
		t.Error("the code was good twice")
	}
}

// TestAskingIsLimited: neither names nor people's patience are for the taking.
func TestAskingIsLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kim := w.net.NewUser("Kim Kessler")
	known := w.says(t, pupil, "identity mm "+string(kim), "private message")
	unknown := w.says(t, pupil, "identity mm nobody", "private message")
	if strings.ReplaceAll(known, string(kim), "nobody") != unknown {
		t.Errorf("the answers tell who exists:\n%s\n%s", known, unknown)
	}
	for range 3 {
		w.says(t, pupil, "identity mm nobody", "private message")
	}
	w.says(t, pupil, "identity mm "+string(kim), "too often")
	// Several who ask for one account do not flood it.
	for _, who := range []id.UserID{"@a:x", "@b:x", "@c:x", "@d:x", "@e:x", "@f:x"} {
		w.says(t, who, "identity mm "+string(kim), "private message")
	}
	w.code(t, kim, 5)
	w.now = w.now.Add(61 * time.Minute)
	w.says(t, pupil, "identity mm "+string(kim), "private message")
	w.code(t, kim, 6)

	closed := w.net.NewUser("Gone")
	w.net.CloseAccount(closed, true)
	w.says(t, rival, "identity mm "+string(closed), "private message")
	w.code(t, closed, 0)
}

func TestIdentityPlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kim := w.net.NewUser("Kim Kessler")
	for _, test := range []struct{ line, want string }{
		{"identity mm", "Write: identity"},
		{"identity nope " + string(kim), "no network called nope"},
		{"identity mute " + string(kim), "nobody can prove"},
		{"identity both " + string(kim), "Several schools use"},
		{"identity both --school prim " + string(kim), "does not use"},
		{"identity new " + string(kim), "does not use"},
		{"identity mm --school sek " + string(kim), "does not use"},
		{"identity mm --nonsense " + string(kim), "Write: identity"},
		{"identity both --school sek " + string(kim), "private message"},
		{"identity remove both", "linked no longer"},
		{"identity approve x", "with a number"},
		{`identity mm "unclosed`, "identity BRIDGE NAME"},
	} {
		line := test.line
		got := w.says(t, pupil, line, test.want)
		if strings.Contains(got, "gym") || line != "identity both --school sek "+string(kim) && strings.Contains(got, "sek") {
			t.Errorf("%q tells of a school: %s", line, got)
		}
	}
	if _, err := w.AskIdentity(t.Context(), operator, "mm", string(kim), ""); err == nil {
		t.Error("the command line asked for somebody")
	}
	if _, err := w.AskIdentity(t.Context(), command.Caller{User: "@_steg_mm_u1:school.example"}, "mm", string(kim), ""); err == nil {
		t.Error("a ghost asked")
	}
}

func TestApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kim, lee := w.net.NewUser("Kim Kessler"), w.net.NewUser("Lee")
	one := w.proven(t, pupil, kim)
	two := w.proven(t, rival, kim)
	approve := func(n int64) error { return w.ApproveIdentity(t.Context(), gym, n) }

	w.accounts.denied = map[id.UserID]error{pupil: bridge.ErrForbidden}
	refused(t, approve(one), "does not let Steg write")
	away := &bridge.TemporaryError{Err: errors.New("away")}
	w.accounts.denied[pupil] = away
	if err := approve(one); !errors.Is(err, away) {
		t.Errorf("error = %v, want the homeserver's", err)
	}
	w.accounts.denied = nil
	w.accounts.off = true
	refused(t, approve(one), "steg registration -double-puppets")
	w.says(t, pupil, "identity mm "+string(kim), "steg registration -double-puppets")
	w.says(t, pupil, "help", "administrators of a school")
	w.accounts.off = false

	if err := approve(one); err != nil {
		t.Fatal(err)
	}
	refused(t, approve(two), "has another link")
	refused(t, approve(99), "no link with number 99")
	three := w.proven(t, "@lee:school.example", lee)
	w.net.CloseAccount(lee, true)
	refused(t, approve(three), "closed meanwhile")
	if i, err := w.store.Identity(t.Context(), three); err != nil || i.State != store.IdentityEnded {
		t.Errorf("%+v, %v", i, err)
	}
}
