package command_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/command"
	"github.com/steg-bridge/steg/core/store"
)

const (
	gymAdmin = id.UserID("@gym:school.example")
	sekAdmin = id.UserID("@sek:school.example")
	pupil    = id.UserID("@pupil:school.example")
	login    = bridge.LoginID("bot")
)

var (
	operator = command.Caller{}
	gym      = command.Caller{User: gymAdmin}
	sek      = command.Caller{User: sekAdmin}
)

// rooms are the rooms of a homeserver: alias to ID, and who has which power.
type rooms struct {
	aliases map[id.RoomAlias]id.RoomID
	power   map[id.RoomID]map[id.UserID]int
	err     error
}

func (r *rooms) PowerLevel(_ context.Context, room id.RoomID, user id.UserID) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	levels, in := r.power[room]
	if !in {
		return 0, bridge.ErrForbidden
	}
	return levels[user], nil
}

func (r *rooms) ResolveAlias(_ context.Context, alias id.RoomAlias) (id.RoomID, error) {
	if room, ok := r.aliases[alias]; ok {
		return room, nil
	}
	return "", bridge.ErrNotFound
}

// odd is a network whose answers are rare elsewhere.
type odd struct{}

func (odd) Resolve(_ context.Context, ref string) ([]bridge.ChatInfo, error) {
	switch ref {
	case "gone":
		return []bridge.ChatInfo{{ID: "1", Gone: true}}, nil
	case "two":
		return []bridge.ChatInfo{{ID: "1"}, {ID: "2"}}, nil
	case "closed":
		return nil, bridge.ErrForbidden
	case "logout":
		return nil, bridge.ErrLoggedOut
	}
	return nil, nil
}

// world is two schools with a network each, and a third network that both use.
type world struct {
	*command.Operator

	store *store.Store
	net   *bridgefake.Network
	rooms *rooms
	now   time.Time

	accounts *accounts
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.now }
	st, err := store.Open(t.Context(), store.Options{DSN: "sqlite:" + filepath.Join(t.TempDir(), "steg.db"), Now: now})
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	w.store = st
	w.net = bridgefake.NewNetwork(bridgefake.Options{Now: now})
	client, err := bridgefake.New(w.net).Open(bridge.Login{ID: login})
	if err != nil {
		t.Fatalf("open client: %v", err)
	}
	resolver, ok := client.(bridge.Resolver)
	if !ok {
		t.Fatal("the fake cannot resolve")
	}
	w.net.NewChat("gym/markt", false)
	w.net.NewChat("gym/klasse-1a", false)
	w.net.Admit(w.net.NewChat("gym/staff", true), login)
	w.net.NewChat("gym/secret", true)
	w.rooms = &rooms{
		aliases: map[id.RoomAlias]id.RoomID{"#hall:school.example": "!hall:school.example"},
		power: map[id.RoomID]map[id.UserID]int{
			"!hall:school.example": {gymAdmin: 50, sekAdmin: 49},
		},
	}
	w.accounts = &accounts{}
	w.Operator = command.New(command.Options{
		Store: st, Rooms: w.rooms, Accounts: w.accounts, Now: now,
		Schools: []command.School{
			{ID: "gym", Admins: []id.UserID{gymAdmin}, Bridges: []bridge.ID{"mm", "both"}},
			{ID: "sek", Admins: []id.UserID{sekAdmin}, Bridges: []bridge.ID{"rc", "both"}},
		},
		Bridges: []command.Network{
			{ID: "mm", Resolver: resolver, Client: client},
			{ID: "rc", Resolver: resolver},
			{ID: "both", Resolver: resolver, Client: client},
			{ID: "new", Resolver: resolver, Client: client},
			{ID: "odd", Resolver: odd{}},
			{ID: "mute"},
		},
	})
	return w
}

// link links a chat that can be linked.
func (w *world) link(t *testing.T, c command.Caller, r command.LinkRequest) store.Portal {
	t.Helper()
	p, err := w.Link(t.Context(), c, r)
	if err != nil {
		t.Fatalf("link %s %s: %v", r.Bridge, r.Chat, err)
	}
	return p
}

// refused checks that an error is an answer for people with some words in it.
func refused(t *testing.T, err error, words string) {
	t.Helper()
	if _, ok := errors.AsType[*command.RefusedError](err); !ok || !strings.Contains(err.Error(), words) {
		t.Errorf("error = %v, want a refusal with %q", err, words)
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.link(t, gym, command.LinkRequest{Bridge: "mm", Chat: "gym/staff", Members: []string{"@*:school.example"}})
	stored, err := w.store.Portal(t.Context(), p.ID)
	if err != nil {
		t.Fatalf("read portal: %v", err)
	}
	want := store.Portal{
		ID: p.ID, School: "gym", Bridge: "mm", Chat: p.Chat, Ref: "gym/staff", Slug: "gym-staff", Name: "staff", Private: true,
		Mode: store.ModeAnnounce, Origin: "command", Members: "@*:school.example",
	}
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("portal (-want +got):\n%s", diff)
	}
	audits, err := w.store.Audits(t.Context(), 10)
	if err != nil || len(audits) != 1 || audits[0].Who != string(gymAdmin) || audits[0].School != "gym" {
		t.Errorf("audit = %+v, %v", audits, err)
	}
}

func TestLinkRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link(t, gym, command.LinkRequest{Bridge: "mm", Chat: "gym/markt"})
	for name, c := range map[string]struct {
		caller  command.Caller
		request command.LinkRequest
		words   string
	}{
		"not an admin":         {command.Caller{User: pupil}, command.LinkRequest{Bridge: "mm", Chat: "gym/klasse-1a"}, "administrators of a school"},
		"operator, no school":  {operator, command.LinkRequest{Bridge: "mm", Chat: "gym/klasse-1a"}, "gym, sek"},
		"other school":         {gym, command.LinkRequest{Bridge: "mm", Chat: "gym/klasse-1a", School: "sek"}, "Choose one of: gym"},
		"unknown bridge":       {gym, command.LinkRequest{Bridge: "mn", Chat: "gym/klasse-1a"}, "mm, rc"},
		"network of another":   {gym, command.LinkRequest{Bridge: "rc", Chat: "gym/klasse-1a"}, "only who runs this gateway"},
		"shared network":       {gym, command.LinkRequest{Bridge: "both", Chat: "gym/klasse-1a"}, "only who runs this gateway"},
		"nobody's network":     {gym, command.LinkRequest{Bridge: "new", Chat: "gym/klasse-1a"}, "only who runs this gateway"},
		"no such chat":         {gym, command.LinkRequest{Bridge: "mm", Chat: "gym/none"}, "No such chat"},
		"pattern":              {gym, command.LinkRequest{Bridge: "mm", Chat: "gym/klasse-*"}, "Patterns"},
		"no chat":              {gym, command.LinkRequest{Bridge: "mm"}, "Name one chat"},
		"archived":             {operator, command.LinkRequest{Bridge: "odd", Chat: "gone", School: "gym"}, "archived"},
		"ambiguous":            {operator, command.LinkRequest{Bridge: "odd", Chat: "two", School: "gym"}, "Several chats"},
		"forbidden":            {operator, command.LinkRequest{Bridge: "odd", Chat: "closed", School: "gym"}, "may not see"},
		"logged out":           {operator, command.LinkRequest{Bridge: "odd", Chat: "logout", School: "gym"}, "logged out"},
		"no resolver":          {operator, command.LinkRequest{Bridge: "mute", Chat: "x", School: "gym"}, "cannot look up"},
		"mode":                 {gym, command.LinkRequest{Bridge: "mm", Chat: "gym/klasse-1a", Mode: "bth"}, "no mode bth"},
		"member":               {gym, command.LinkRequest{Bridge: "mm", Chat: "gym/klasse-1a", Members: []string{"@*:*"}}, "member is written"},
		"linked already":       {gym, command.LinkRequest{Bridge: "mm", Chat: "gym/markt"}, "linked already"},
		"linked by another":    {operator, command.LinkRequest{Bridge: "mm", Chat: "gym/markt", School: "sek"}, "in use elsewhere"},
		"room: no alias":       {gym, command.LinkRequest{Bridge: "mm", Chat: "gym/klasse-1a", Room: "#none:school.example"}, "no room with this alias"},
		"room: not in it":      {gym, command.LinkRequest{Bridge: "mm", Chat: "gym/klasse-1a", Room: "!other:school.example"}, "invite me"},
		"room: not a name":     {gym, command.LinkRequest{Bridge: "mm", Chat: "gym/klasse-1a", Room: "hall"}, "#alias:server"},
		"private, not visible": {gym, command.LinkRequest{Bridge: "mm", Chat: "gym/secret"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := w.Link(t.Context(), c.caller, c.request)
			refused(t, err, c.words)
			if err != nil && strings.Contains(err.Error(), "sek") && name != "operator, no school" {
				t.Errorf("the refusal names another school: %v", err)
			}
		})
	}
}

func TestLinkExistingRoomNeedsPowerInIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hall := command.LinkRequest{Bridge: "mm", Chat: "gym/markt", Room: "#hall:school.example"}
	w.rooms.power["!hall:school.example"][gymAdmin] = 49
	_, err := w.Link(t.Context(), gym, hall)
	refused(t, err, "you have 49")
	w.rooms.power["!hall:school.example"][gymAdmin] = 50
	if p := w.link(t, gym, hall); p.Room != "!hall:school.example" || p.OwnRoom {
		t.Errorf("linked to %s, own room %t", p.Room, p.OwnRoom)
	}
	// The operator is the configuration, but a room still belongs to one school.
	_, err = w.Link(t.Context(), operator, command.LinkRequest{Bridge: "rc", Chat: "gym/klasse-1a", School: "sek", Room: "!hall:school.example"})
	refused(t, err, "in use elsewhere")
	if p := w.link(t, operator, command.LinkRequest{Bridge: "both", Chat: "gym/klasse-1a", School: "gym", Room: "!hall:school.example", Mode: "both"}); p.Mode != store.ModeBoth {
		t.Errorf("mode = %s", p.Mode)
	}
}

func TestNetworkTroubleIsNoRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.net.SetDown(true)
	_, err := w.Link(t.Context(), gym, command.LinkRequest{Bridge: "mm", Chat: "gym/markt"})
	if _, wrong := errors.AsType[*command.RefusedError](err); err == nil || wrong {
		t.Errorf("error = %v, want trouble", err)
	}
	if reply := w.Execute(t.Context(), gymAdmin, "link mm gym/markt"); !strings.Contains(reply, "Try again") {
		t.Errorf("reply = %q", reply)
	}
}

func TestUnlinkAndLinkAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.link(t, gym, command.LinkRequest{Bridge: "mm", Chat: "gym/markt", Mode: "both"})
	_, err := w.Unlink(t.Context(), sek, "mm", "gym/markt")
	refused(t, err, "No linked chat")
	p, err := w.Unlink(t.Context(), gym, "mm", "gym/markt")
	if err != nil || p.Mode != store.ModeOff {
		t.Fatalf("unlinked to %s, %v", p.Mode, err)
	}
	_, err = w.Unlink(t.Context(), gym, "mm", "gym/markt")
	refused(t, err, "not linked now")
	_, err = w.Link(t.Context(), operator, command.LinkRequest{Bridge: "mm", Chat: "gym/markt", School: "sek"})
	refused(t, err, "in use elsewhere")
	again := w.link(t, gym, command.LinkRequest{Bridge: "mm", Chat: "gym/markt"})
	if again.ID != first.ID || again.Mode != store.ModeAnnounce {
		t.Errorf("linked again as %d, mode %s", again.ID, again.Mode)
	}
}

func TestConfigurationKeepsItsWord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, p := range []store.Portal{
		{School: "gym", Bridge: "mm", Chat: "fixed", Ref: "gym/fixed", Mode: store.ModeBoth, ModeFixed: true, Origin: "config"},
		{School: "gym", Bridge: "mm", Chat: "free", Ref: "gym/free", Mode: store.ModeAnnounce, Origin: "config"},
		{School: "gym", Bridge: "mm", Chat: "found", Ref: "gym/found", Mode: store.ModeAnnounce, ModeFixed: true, Origin: "pattern"},
	} {
		if err := w.store.InsertPortal(t.Context(), &p); err != nil {
			t.Fatalf("insert portal: %v", err)
		}
	}
	_, err := w.SetMode(t.Context(), operator, "mm", "gym/fixed", store.ModeAnnounce)
	refused(t, err, "configuration fixes the mode")
	_, err = w.Unlink(t.Context(), operator, "mm", "gym/fixed")
	refused(t, err, "configuration links this chat")
	_, err = w.SetMode(t.Context(), gym, "mm", "gym/free", store.ModeOff)
	refused(t, err, "set mode: off there")
	if p, err := w.SetMode(t.Context(), gym, "mm", "free", store.ModeBoth); err != nil || p.Mode != store.ModeBoth {
		t.Errorf("free chat: mode %s, %v", p.Mode, err)
	}
	if p, err := w.Unlink(t.Context(), gym, "mm", "gym/found"); err != nil || p.ModeFixed || p.Origin != "command" {
		t.Errorf("a chat found by a pattern: %+v, %v", p, err)
	}
	_, err = w.SetMode(t.Context(), gym, "mm", "gym/free", "loud")
	refused(t, err, "no mode loud")
	_, err = w.SetMode(t.Context(), gym, "mm", "gym/none", store.ModeBoth)
	refused(t, err, "status lists them")
	_, err = w.SetMode(t.Context(), command.Caller{User: pupil}, "mm", "gym/free", store.ModeBoth)
	refused(t, err, "administrators")
}
