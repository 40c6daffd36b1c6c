package matrix_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

var png = append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 100)...)

func TestEnsureAsksOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, ghost := w.portal(t, "ensure")
	before := len(w.hs.Requests(""))
	for range 3 {
		if err := errors.Join(w.EnsureGhost(t.Context(), ghost), w.EnsureJoined(t.Context(), room, ghost)); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(w.hs.Requests("")) - before; got != 0 {
		t.Errorf("%d requests", got)
	}
	w.Forget(room, ghost)
	if err := w.EnsureJoined(t.Context(), room, ghost); err != nil || len(w.hs.Requests(""))-before != 1 {
		t.Errorf("after Forget: %v", err)
	}
	// A ghost that another process registered.
	other, err := matrix.New(matrix.Options{URL: w.hs.URL, ServerName: "hs.test", ASToken: "as-token", HSToken: "hs-token"})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.EnsureGhost(t.Context(), ghost); err != nil {
		t.Error(err)
	}
}

func TestEnsureGhostOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	if err := w.EnsureGhost(t.Context(), "@anna:hs.test"); !errors.Is(err, bridge.ErrRejected) {
		t.Errorf("%v", err)
	}
	w.hs.Break(1, "/register", matrixtest.Fault{Status: 400, Code: "M_EXCLUSIVE"})
	if err := w.EnsureGhost(t.Context(), w.GhostID("mm", "x")); !errors.Is(err, matrix.ErrClash) {
		t.Errorf("%v", err)
	}
}

func TestJoinWhereTheBotCannotInvite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	anna := w.hs.AddUser("anna", "")
	room := w.hs.AddRoom(anna, false)
	err := w.EnsureJoined(t.Context(), room, w.GhostID("mm", "x"))
	if !errors.Is(err, bridge.ErrForbidden) || !strings.Contains(err.Error(), "right to invite") {
		t.Errorf("%v", err)
	}
	// Dendrite answers 500 when a restricted room refuses.
	room2, _ := w.portal(t, "restricted")
	w.hs.Break(1, "/join", matrixtest.Fault{Status: 500, Code: "M_UNKNOWN"})
	if err := w.EnsureJoined(t.Context(), room2, w.GhostID("mm", "y")); err != nil {
		t.Error(err)
	}
}

func TestMembersAndProfiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, ghost := w.portal(t, "members")
	anna := w.hs.AddUser("anna", "Anna Muster")
	gone := w.hs.AddUser("gone", "")
	if err := w.SetName(t.Context(), ghost, "Beat (MM)"); err != nil {
		t.Fatal(err)
	}
	mxc, err := w.SetAvatar(t.Context(), ghost, bytes.NewReader(png), "text/html")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Invite(t.Context(), room, anna), w.Invite(t.Context(), room, gone), w.Kick(t.Context(), room, gone, "x")); err != nil {
		t.Fatal(err)
	}
	got, err := w.Members(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	want := []intent.Member{
		{User: w.Bot(), Membership: "join", By: w.Bot(), Name: "steg"},
		{User: ghost, Membership: "join", By: ghost, Name: "Beat (MM)", Avatar: mxc},
		{User: anna, Membership: "invite", By: w.Bot(), Name: "Anna Muster"},
	}
	if diff := cmp.Diff(want, got, cmpopts.SortSlices(func(a, b intent.Member) bool { return a.User < b.User })); diff != "" {
		t.Error(diff)
	}
	if p, err := w.Profile(t.Context(), ghost); err != nil || p != (intent.Profile{Name: "Beat (MM)", Avatar: mxc}) {
		t.Errorf("%+v %v", p, err)
	}
	if _, err := w.Profile(t.Context(), "@nobody:hs.test"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if err := w.ClearAvatar(t.Context(), ghost); err != nil {
		t.Fatal(err)
	}
	if p, err := w.Profile(t.Context(), ghost); err != nil || p.Avatar != "" {
		t.Errorf("%+v %v", p, err)
	}
}

func TestPicturesThatAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	_, ghost := w.portal(t, "pictures")
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"svg":       {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`), bridge.ErrRejected},
		"html":      {[]byte(`<html>`), bridge.ErrRejected},
		"empty":     {nil, bridge.ErrRejected},
		"too large": {append(bytes.Clone(png), make([]byte, 1<<20)...), bridge.ErrTooLarge},
	} {
		if _, err := w.SetAvatar(t.Context(), ghost, bytes.NewReader(c.body), "image/png"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := len(w.hs.Requests("/upload")); got != 0 {
		t.Errorf("%d uploads", got)
	}
}

func TestJoinAndLeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	anna := w.hs.AddUser("anna", "")
	room := w.hs.AddRoom(anna, true)
	if got, err := w.Join(t.Context(), string(room)); err != nil || got != room || w.hs.Membership(room, w.Bot()) != "join" {
		t.Fatalf("%s %v", got, err)
	}
	for range 2 {
		if err := w.Leave(t.Context(), room, w.Bot()); err != nil {
			t.Fatal(err)
		}
	}
	if w.hs.Membership(room, w.Bot()) != "leave" {
		t.Error("still there")
	}
	portal, _ := w.portal(t, "alias")
	if got, err := w.ResolveAlias(t.Context(), w.AliasFor("alias")); err != nil || got != portal {
		t.Errorf("%s %v", got, err)
	}
	if _, err := w.ResolveAlias(t.Context(), "#other:hs.test"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// Who keeps a ghost out can be told from who left by himself.
func TestMemberships(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, inside := w.portal(t, "memberships")
	anna := w.hs.AddUser("anna", "")
	w.hs.Member(room, anna, anna, "join")
	left, kicked, banned := w.GhostID("mm", "left"), w.GhostID("mm", "kicked"), w.GhostID("mm", "banned")
	for _, ghost := range []id.UserID{left, kicked, banned} {
		if err := w.EnsureJoined(t.Context(), room, ghost); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Leave(t.Context(), room, left); err != nil {
		t.Fatal(err)
	}
	w.hs.Member(room, anna, kicked, "leave")
	w.hs.Member(room, anna, banned, "ban")
	all, err := w.Memberships(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	got := map[id.UserID]intent.Member{}
	for _, m := range all {
		got[m.User] = intent.Member{Membership: m.Membership, By: m.By}
	}
	want := map[id.UserID]intent.Member{
		w.Bot(): {Membership: "join", By: w.Bot()}, anna: {Membership: "join", By: anna}, inside: {Membership: "join", By: inside},
		left: {Membership: "leave", By: left}, kicked: {Membership: "leave", By: anna}, banned: {Membership: "ban", By: anna},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	rooms, err := w.Rooms(t.Context(), inside)
	if err != nil || !slices.Equal(rooms, []id.RoomID{room}) {
		t.Errorf("rooms %v %v", rooms, err)
	}
	if rooms, err = w.Rooms(t.Context(), left); err != nil || len(rooms) > 0 {
		t.Errorf("rooms of who has left: %v %v", rooms, err)
	}
}
