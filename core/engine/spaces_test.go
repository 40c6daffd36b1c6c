package engine_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/store"
)

// space waits until the Matrix space of a network's space is as it should be.
func (w *world) space(what string, space bridge.SpaceID, is func(*fakeRoom) bool) (room id.RoomID) {
	w.t.Helper()
	w.eventually(what, func() bool {
		all, err := w.st.Spaces(w.t.Context())
		w.must(err)
		at := slices.IndexFunc(all, func(s store.Space) bool { return s.Space == space })
		if at < 0 || all[at].Room == "" {
			return false
		}
		room = all[at].Room
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		return is(w.hs.rooms[room])
	})
	return room
}

// placed waits until a room stands where it should.
func (w *world) placed(what string, room id.RoomID, rule intent.JoinRule, space id.RoomID) {
	w.t.Helper()
	w.eventually(what, func() bool {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		p := w.hs.rooms[room].place
		return p.Rule == rule && p.Space == space
	})
}

func shows(rooms ...id.RoomID) func(*fakeRoom) bool {
	slices.Sort(rooms)
	return func(r *fakeRoom) bool { return slices.Equal(r.shows, rooms) }
}

func TestTeamIsASpace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"), both("gym/news"), both("gym/staff"), engine.PortalSpec{Bridge: "fk", Chat: "gym/class-*", Mode: store.ModeBoth})
	team := w.net.NewSpace("The Gym")
	market, news, staff := w.net.NewChat("gym/market", false), w.net.NewChat("gym/news", false), w.net.NewChat("gym/staff", true)
	w.net.Admit(staff, "bot")
	for _, c := range []bridge.ChatID{market, news, staff} {
		w.net.Move(c, team)
	}
	w.start()
	a, b, private := w.room(market), w.room(news), w.room(staff)
	space := w.space("the space with the rooms of public chats", team, shows(a, b))
	w.hs.mu.Lock()
	spec := w.hs.rooms[space].spec
	w.hs.mu.Unlock()
	if !spec.Space || spec.Name != "The Gym" || spec.Place.Rule != intent.JoinAll || !slices.Equal(spec.Invite, []id.UserID{admin}) {
		t.Errorf("the space was made as %+v", spec)
	}
	for _, room := range []id.RoomID{a, b, private} {
		if room == space {
			t.Fatal("a chat's room is the space")
		}
	}
	w.placed("an open team's room is for all", a, intent.JoinAll, space)
	w.placed("a private chat's room is for the invited", private, intent.JoinInvite, space)

	w.net.RenameSpace(team, "Gymnasium")
	w.space("the new name", team, func(r *fakeRoom) bool { return r.name == "Gymnasium" })
	w.net.OpenSpace(team, false)
	w.space("the closed space", team, func(r *fakeRoom) bool { return r.place.Rule == intent.JoinInvite })
	w.placed("a closed team's room is for those in the space", a, intent.JoinSpace, space)
	w.placed("a private chat's room stays closed", private, intent.JoinInvite, space)

	// A room that is made later is closed from its beginning.
	w.stop()
	class := w.net.NewChat("gym/class-1a", false)
	w.net.Move(class, team)
	w.start()
	w.eventually("the pattern's portal", func() bool {
		p, err := w.st.PortalByChat(t.Context(), "fk", class)
		return err == nil && p.Follows
	})
	w.net.Post(w.teacher, class, "hello 1a")
	c := w.room(class)
	w.space("the new room in the space", team, shows(a, b, c))
	w.hs.mu.Lock()
	made := w.hs.rooms[c].spec.Place
	w.hs.mu.Unlock()
	if made.Rule != intent.JoinSpace || made.Space != space {
		t.Errorf("the room was made for %+v", made)
	}

	// Conversion, and the way back, with somebody in the room who is not entitled.
	w.hs.setMember(a, pupil, "join")
	w.net.Convert(market, true)
	w.placed("the room of a chat that became private", a, intent.JoinInvite, space)
	w.space("it is not shown any more", team, shows(b, c))
	w.net.Convert(market, false)
	w.placed("the room of a chat that became public", a, intent.JoinSpace, space)
	w.space("it is shown again", team, shows(a, b, c))

	// Switched off, and on again.
	p, err := w.st.PortalByChat(t.Context(), "fk", news)
	w.must(err)
	for mode, want := range map[store.Mode][]id.RoomID{store.ModeOff: {a, c}} {
		w.must(w.st.UpdatePortal(t.Context(), p.ID, func(p *store.Portal) error { p.Mode, p.Origin = mode, "command"; return nil }))
		w.space("without what is off", team, shows(want...))
	}
	w.must(w.st.UpdatePortal(t.Context(), p.ID, func(p *store.Portal) error { p.Mode = store.ModeBoth; return nil }))
	w.space("with what is on again", team, shows(a, b, c))

	// A chat that moves to another team moves to its space.
	other := w.net.NewSpace("Other")
	w.net.Move(market, other)
	elsewhere := w.space("the other team's space", other, shows(a))
	w.space("the space that it left", team, shows(b, c))
	w.hs.mu.Lock()
	former := w.hs.rooms[a].place.Former
	w.hs.mu.Unlock()
	w.placed("it stands in the other space", a, intent.JoinAll, elsewhere)
	if former != space {
		t.Errorf("it leaves the space %q, want %q", former, space)
	}
}

// An archived team stops its portals with a reason, and they go on when it is back.
func TestArchivedTeamPauses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	team := w.net.NewSpace("The Gym")
	chat := w.net.NewChat("gym/market", false)
	w.net.Move(chat, team)
	w.start()
	room := w.room(chat)
	w.space("the space", team, shows(room))
	w.net.ArchiveSpace(team, true)
	w.space("the room is not shown", team, shows())
	p, err := w.st.PortalByChat(t.Context(), "fk", chat)
	w.must(err)
	if p.Paused == "" {
		t.Error("the portal is not paused")
	}
	w.hs.setMember(room, pupil, "join")
	w.hs.say(room, pupil, "is anybody there?", nil)
	w.net.ArchiveSpace(team, false)
	w.space("the room is shown again", team, shows(room))
	w.wantRemote(chat, "Pia Pupil: is anybody there?")
	w.wantSettled()
}

// Portals from before there were spaces get their place, and one failure after the
// other is survived.
func TestSpacesComeLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	w.school.Spaces = false
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.placed("a room without a space", room, intent.JoinAll, "")
	w.stop()

	team := w.net.NewSpace("The Gym")
	w.net.Move(chat, team)
	w.net.OpenSpace(team, false)
	w.school.Spaces = true
	w.school.Portals = nil
	w.dropConfig(chat)
	var failures atomic.Int32
	w.hs.mu.Lock()
	w.hs.fail = func(op string) error {
		if (op == "place" || op == "children") && failures.Add(1) < 3 {
			return &bridge.TemporaryError{Err: errors.New("not now")}
		}
		return nil
	}
	w.hs.mu.Unlock()
	w.start()
	space := w.space("the space", team, shows(room))
	w.placed("the room is closed", room, intent.JoinSpace, space)
	w.stop()

	w.school.Spaces = false
	w.start()
	w.placed("without spaces it is for all again", room, intent.JoinAll, "")
	w.space("and not shown", team, shows())
}

// dropConfig makes a portal one that somebody linked by a command.
func (w *world) dropConfig(chat bridge.ChatID) {
	w.t.Helper()
	st, err := store.Open(w.t.Context(), store.Options{DSN: w.dsn})
	w.must(err)
	p, err := st.PortalByChat(w.t.Context(), "fk", chat)
	w.must(err)
	w.must(st.UpdatePortal(w.t.Context(), p.ID, func(p *store.Portal) error {
		p.Origin, p.Space, p.Placed = "command", "", "" // as before the migration
		return nil
	}))
	w.must(st.Close())
}

// A chat that a pattern has found is not switched off because an archived one is not
// listed: it comes back.
func TestArchivedChatOfAPatternComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.PortalSpec{Bridge: "fk", Chat: "gym/class-*"})
	team := w.net.NewSpace("The Gym")
	chat := w.net.NewChat("gym/class-1a", false)
	w.net.Move(chat, team)
	portal := func() store.Portal {
		p, err := w.st.PortalByChat(t.Context(), "fk", chat)
		if err != nil && !errors.Is(err, store.ErrNoRow) {
			t.Fatal(err)
		}
		return p
	}
	w.start()
	w.eventually("the portal", func() bool { return portal().Follows })
	w.net.ArchiveSpace(team, true)
	w.eventually("the pause", func() bool { return portal().Paused != "" })
	w.stop()
	w.start()
	w.eventually("connected", func() bool {
		l, err := w.st.Logins(t.Context())
		return err == nil && len(l) == 1 && l[0].State == bridge.StateConnected
	})
	w.net.ArchiveSpace(team, false)
	w.eventually("the end of the pause", func() bool { return portal().Paused == "" })
	w.net.Post(w.teacher, chat, "back again")
	w.wantMatrix(w.room(chat), "Tina Teacher: back again")
}

// Whoever leaves the configuration does not open any door.
func TestPlaceStaysWithoutConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	team := w.net.NewSpace("The Gym")
	chat := w.net.NewChat("gym/market", false)
	w.net.Move(chat, team)
	w.net.OpenSpace(team, false)
	w.start()
	room := w.room(chat)
	space := w.space("the space", team, shows(room))
	w.placed("the closed room", room, intent.JoinSpace, space)
	p := w.portal(chat)
	w.must(w.st.UpdatePortal(t.Context(), p.ID, func(p *store.Portal) error { p.Origin = "command"; return nil }))
	w.stop()
	w.school.ID, w.school.Portals = "sek", nil
	w.start()
	w.net.Post(w.teacher, chat, "still there")
	w.wantMatrix(room, "Tina Teacher: still there")
	w.net.RenameSpace(team, "Renamed")
	w.eventually("the space is read", func() bool {
		all, err := w.st.Spaces(t.Context())
		return err == nil && all[0].Name == "Renamed"
	})
	w.hs.mu.Lock()
	defer w.hs.mu.Unlock()
	if got := w.hs.rooms[room].place.Rule; got != intent.JoinSpace || !shows(room)(w.hs.rooms[space]) {
		t.Errorf("the room's rule is %q, the space shows %v", got, w.hs.rooms[space].shows)
	}
}

// A chat whose space nobody tells anything about is for nobody, and is not asked for
// all the time.
func TestUnknownSpaceIsClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.net.Move(chat, "nosuch")
	w.start()
	room := w.room(chat)
	w.placed("the room", room, intent.JoinInvite, "")
	w.net.Post(w.teacher, chat, "it crosses")
	w.wantMatrix(room, "Tina Teacher: it crosses")
}

// A team whose chats belong to two schools is a space for each of them.
func TestTeamOfTwoSchools(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("town/gym"))
	w.others = []engine.School{{ID: "sek", Name: "Sek", Language: "en", Portals: []engine.PortalSpec{both("town/sek")}, Spaces: true}}
	team := w.net.NewSpace("Town")
	chats := map[bridge.SchoolID]bridge.ChatID{"gym": w.net.NewChat("town/gym", false), "sek": w.net.NewChat("town/sek", false)}
	for _, c := range chats {
		w.net.Move(c, team)
	}
	w.start()
	rooms := map[bridge.SchoolID]id.RoomID{}
	for school, chat := range chats {
		rooms[school] = w.room(chat)
	}
	w.eventually("a space for each school, with its room only", func() bool {
		all, err := w.st.Spaces(t.Context())
		w.must(err)
		right := 0
		for _, s := range all {
			w.hs.mu.Lock()
			if r := w.hs.rooms[s.Room]; r != nil && shows(rooms[s.School])(r) && w.hs.rooms[rooms[s.School]].place.Space == s.Room {
				right++
			}
			w.hs.mu.Unlock()
		}
		return right == 2 && len(all) == 2 && all[0].Room != all[1].Room
	})
}
