package policy_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

func TestCrosses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		mode    store.Mode
		in, out bool
	}{
		{store.ModeOff, false, false},
		{store.ModeAnnounce, true, false},
		{store.ModeBoth, true, true},
		{store.ModeInbox, false, true},
		{"nonsense", false, false},
		{"", false, false},
	} {
		if got := policy.Crosses(tc.mode, store.DirIn); got != tc.in {
			t.Errorf("%q in: %v", tc.mode, got)
		}
		if got := policy.Crosses(tc.mode, store.DirOut); got != tc.out {
			t.Errorf("%q out: %v", tc.mode, got)
		}
		if got := policy.WriteLocked(tc.mode); got == tc.out {
			t.Errorf("%q write locked: %v", tc.mode, got)
		}
	}
}

func TestEntitled(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		user    id.UserID
		entries string
		want    bool
	}{
		{"@a:s", "@a:s", true},
		{"@a:s", "@b:s @a:s", true},
		{"@a:s", "", false},
		{"@a:s", "@*:s", true},
		{"@a:t", "@*:s", false},
		{"@a:evil:s", "@*:s", false},
		{"@lehrer.x:s", "@lehrer.*:s", true},
		{"@schueler.x:s", "@lehrer.*:s", false},
		{"@:s", "@a*a:s", false},
	} {
		if got := policy.Entitled(tc.user, strings.Fields(tc.entries)); got != tc.want {
			t.Errorf("Entitled(%q, %q) = %v", tc.user, tc.entries, got)
		}
	}
}

func TestStrangers(t *testing.T) {
	t.Parallel()
	ours := func(u id.UserID) bool { return strings.HasPrefix(string(u), "@_steg_") }
	members := []id.UserID{"@_steg_mm_1:s", "@a:s", "@b:s", "@c:t"}
	if got := policy.Strangers(members, []string{"@a:s"}, ours); got != 2 {
		t.Errorf("strangers = %d, want 2", got)
	}
	if got := policy.Strangers(members, []string{"@*:s", "@c:t"}, ours); got != 0 {
		t.Errorf("strangers = %d, want 0", got)
	}
}

func TestCleanName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Frau Müller":           "Frau Müller",
		"  a \t\n b  ":          "a b",
		"a\u202eb\u200bc\u0000": "abc",
		"\u200b\u2066":          "Unknown",
		"":                      "Unknown",
		"👩\u200d🏫 Eva":          "👩\u200d🏫 Eva",
		"\xff\xfe":              "Unknown",
	} {
		if got := policy.CleanName(in, "Unknown"); got != want {
			t.Errorf("CleanName(%q) = %q, want %q", in, got, want)
		}
	}
	if got := policy.CleanName(strings.Repeat("ä", 500), "x"); utf8.RuneCountInString(got) != policy.MaxName {
		t.Errorf("long name has %d runes", utf8.RuneCountInString(got))
	}
}

func FuzzCleanName(f *testing.F) {
	f.Add("Frau \u202eMüller")
	f.Fuzz(func(t *testing.T, name string) {
		got := policy.CleanName(name, "x")
		if got == "" || !utf8.ValidString(got) || utf8.RuneCountInString(got) > policy.MaxName {
			t.Errorf("CleanName(%q) = %q", name, got)
		}
		if again := policy.CleanName(got, "x"); again != got {
			t.Errorf("not stable: %q then %q", got, again)
		}
	})
}

func TestLoop(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	loop := policy.Loop{Limit: 3}
	for i := range 10 {
		if loop.Note(true, now, now) {
			t.Fatalf("one direction alone tripped at %d", i)
		}
	}
	for range 10 {
		if loop.Note(false, now.Add(-time.Hour), now) {
			t.Fatal("a backlog tripped")
		}
	}
	var tripped bool
	for range 4 {
		tripped = loop.Note(false, now, now)
	}
	if !tripped {
		t.Error("both directions over the limit did not trip")
	}
	if loop.Note(true, now.Add(2*time.Minute), now.Add(2*time.Minute)) {
		t.Error("the next minute began tripped")
	}
	off := policy.Loop{}
	for range 1000 {
		if off.Note(true, now, now) || off.Note(false, now, now) {
			t.Fatal("limit 0 tripped")
		}
	}
}
