package matrix_test

import (
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix"
)

func offline(tb testing.TB, change ...func(*matrix.Options)) *matrix.Service {
	tb.Helper()
	opts := matrix.Options{URL: "http://127.0.0.1:1", ServerName: "school.example", ASToken: "a", HSToken: "h"}
	for _, c := range change {
		c(&opts)
	}
	s, err := matrix.New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestGhostNames(t *testing.T) {
	t.Parallel()
	s := offline(t)
	for _, c := range []struct {
		user bridge.UserID
		want id.UserID
	}{
		{"k3h7x9", "@_steg_mm_k3h7x9:school.example"},
		{"ABc", "@_steg_mm__a_bc:school.example"},
		{"a_b", "@_steg_mm_a__b:school.example"},
		{"müller a/b@x", "@_steg_mm_m=c3=bcller=20a=2fb=40x:school.example"},
		{"", "@_steg_mm_:school.example"},
	} {
		got := s.GhostID("mm", c.user)
		if got != c.want {
			t.Errorf("GhostID(%q) = %s, want %s", c.user, got, c.want)
		}
		b, u, ok := s.ParseGhost(got)
		if wantOK := c.user != ""; ok != wantOK || (ok && (b != "mm" || u != c.user)) {
			t.Errorf("ParseGhost(%s) = %q %q %v", got, b, u, ok)
		}
		if !s.Ours(got) {
			t.Errorf("%s is not ours", got)
		}
	}
}

func TestLongGhostNamesAreHashed(t *testing.T) {
	t.Parallel()
	s := offline(t)
	long := bridge.UserID(strings.Repeat("Ä", 100))
	got := s.GhostID("mm", long)
	if len(got) > 255 || got == s.GhostID("mm", long+"x") {
		t.Fatalf("%d bytes, or not unique", len(got))
	}
	if b, u, ok := s.ParseGhost(got); !ok || b != "mm" || u != "" {
		t.Errorf("ParseGhost = %q %q %v", b, u, ok)
	}
}

func TestNotGhosts(t *testing.T) {
	t.Parallel()
	s := offline(t)
	for _, user := range []id.UserID{
		"", "@", "@_steg_mm_a", "@_steg_mm_a:other.example", "@anna:school.example", "@_steg_:school.example",
		"@_steg_mm:school.example", "@_steg_mm_:school.example", "@_steg_mm_A:school.example",
		"@_steg_mm_=4A:school.example", "@_steg_mm_=61:school.example", "@_steg_as-12ab34cd:school.example",
		"@_steg_mm__.00:school.example", "@steg:school.example", "#_steg_mm_a:school.example",
	} {
		if b, u, ok := s.ParseGhost(user); ok {
			t.Errorf("ParseGhost(%s) = %q %q", user, b, u)
		}
	}
}

func TestOurs(t *testing.T) {
	t.Parallel()
	s := offline(t, func(o *matrix.Options) { o.SenderLocalpart = "other" })
	for user, want := range map[id.UserID]bool{
		"@steg:school.example": true, "@other:school.example": true, "@_steg_mm_x:school.example": true,
		"@anna:school.example": false, "@steg:other.example": false, "@_steg_mm_x:other.example": false,
	} {
		if s.Ours(user) != want {
			t.Errorf("Ours(%s) = %v", user, !want)
		}
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	s := offline(t)
	alias := s.AliasFor("mm_gym_markt")
	if alias != "#_steg_mm_gym_markt:school.example" {
		t.Fatal(alias)
	}
	if local, ok := s.ParseAlias(alias); !ok || local != "mm_gym_markt" {
		t.Errorf("ParseAlias = %q %v", local, ok)
	}
	for _, other := range []id.RoomAlias{"#markt:school.example", "#_steg_x:other.example", "@_steg_x:school.example", "#_steg_:school.example", ""} {
		if _, ok := s.ParseAlias(other); ok {
			t.Errorf("%s is ours", other)
		}
	}
}

func FuzzGhostNames(f *testing.F) {
	f.Add("Anna_Müller@x")
	f.Add("=_.")
	s := offline(f)
	f.Fuzz(func(t *testing.T, user string) {
		mxid := s.GhostID("mm-2", bridge.UserID(user))
		if len(mxid) > 255 || string(mxid) != strings.ToLower(string(mxid)) {
			t.Fatalf("bad ID %s", mxid)
		}
		b, u, ok := s.ParseGhost(mxid)
		if user == "" {
			return
		}
		if !ok || b != "mm-2" || (string(u) != user && u != "") {
			t.Fatalf("%q became %s became %q %v", user, mxid, u, ok)
		}
	})
}

func TestOptionsTellEverythingWrong(t *testing.T) {
	t.Parallel()
	_, err := matrix.New(matrix.Options{URL: "localhost:8008", Prefix: "A B", BotLocalpart: "x", SenderLocalpart: "x"})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, word := range []string{"url", "name", "tokens", "prefix", "sender_localpart"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not mention %s", err, word)
		}
	}
}
