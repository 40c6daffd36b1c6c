package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

func both(chat string) engine.PortalSpec {
	return engine.PortalSpec{Bridge: "fk", Chat: chat, Mode: store.ModeBoth}
}

func reply(to id.EventID) map[string]any {
	return map[string]any{"m.relates_to": map[string]any{"m.in_reply_to": map[string]any{"event_id": string(to)}}}
}

func edit(of id.EventID, text string) map[string]any {
	return map[string]any{
		"m.relates_to":  map[string]any{"rel_type": "m.replace", "event_id": string(of)},
		"m.new_content": map[string]any{"msgtype": "m.text", "body": text},
	}
}

func TestTextCrossesBothWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)

	post := w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	w.hs.setMember(room, pupil, "join")
	said := w.hs.say(room, pupil, "hi there", nil)
	w.wantRemote(chat, "Tina Teacher: hello", "Pia Pupil: hi there")

	// Relations, from both sides.
	w.net.Reply(w.teacher, chat, post, "and a reply")
	w.wantMatrix(room, "Tina Teacher: hello", "Pia Pupil: hi there", "  Tina Teacher: and a reply")
	w.hs.say(room, pupil, "me too", reply(w.hs.eventOf(room, "hello")))
	w.wantRemote(chat, "Tina Teacher: hello", "Pia Pupil: hi there", "  Tina Teacher: and a reply", "  Pia Pupil: me too")
	w.net.Edit(w.teacher, chat, post, "hello all")
	w.hs.say(room, pupil, "* hi", edit(said, "hi"))
	w.wantRemote(chat, "Tina Teacher: hello all (edited)", "Pia Pupil: hi (edited)", "  Tina Teacher: and a reply", "  Pia Pupil: me too")
	w.wantMatrix(room, "Tina Teacher: hello all (edited)", "Pia Pupil: hi (edited)", "  Tina Teacher: and a reply", "Pia Pupil: me too")

	for _, dir := range []store.Dir{store.DirIn, store.DirOut} {
		n, _ := w.observed.Load(dir)
		if n, ok := n.(*atomic.Int64); !ok || n.Load() == 0 {
			t.Errorf("the delay of messages %s was never told", dir)
		}
	}

	// A removed root takes its replies along, on the other side too.
	w.net.Delete(w.teacher, chat, post)
	w.hs.redactBy(room, pupil, said)
	w.wantRemote(chat)
	w.wantMatrix(room, "Pia Pupil: hi (edited)") // only the homeserver hides what its own people redact
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}

func TestAnnounceIsOneWayAndVisible(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.PortalSpec{Bridge: "fk", Chat: "gym/news"})
	chat := w.net.NewChat("gym/news", false)
	w.start()
	room := w.room(chat)
	w.net.Post(w.teacher, chat, "holiday")
	w.wantMatrix(room, "Tina Teacher: holiday")
	w.hs.mu.Lock()
	levels := w.hs.rooms[room].levels
	w.hs.mu.Unlock()
	if !slices.Equal(levels.Moderators, []id.UserID{admin}) {
		t.Errorf("moderators %v, want the school's admin", levels.Moderators)
	}
	if !levels.WriteLocked || len(levels.Speakers) != 1 {
		t.Errorf("levels = %+v: want a locked room in which the ghost may speak", levels)
	}
	w.hs.say(room, pupil, "hooray", nil)
	w.eventually("drop by mode", func() bool { return w.drops()[policy.DropMode] == 1 })
	w.wantRemote(chat, "Tina Teacher: holiday")

	p, err := w.st.PortalByChat(t.Context(), "fk", chat)
	w.must(err)
	w.must(w.st.UpdatePortal(t.Context(), p.ID, func(p *store.Portal) error { p.Mode = store.ModeBoth; return nil }))
	w.room(chat) // the reconciler has applied the mode
	w.hs.mu.Lock()
	locked := w.hs.rooms[room].levels.WriteLocked
	w.hs.mu.Unlock()
	if locked {
		t.Error("the room is still locked in mode both")
	}
	w.hs.say(room, pupil, "now?", nil)
	w.wantRemote(chat, "Tina Teacher: holiday", "Pia Pupil: now?")
	w.wantSettled()
}

// TestManySpeakers lets several people write into an announce room in turn, also
// after it was open to all.
func TestManySpeakers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.PortalSpec{Bridge: "fk", Chat: "gym/news"})
	chat := w.net.NewChat("gym/news", false)
	w.start()
	room := w.room(chat)
	other := w.net.NewUser("Otto Other")
	var want []string
	talk := func() {
		t.Helper()
		for range 2 {
			for who, name := range map[bridge.UserID]string{w.teacher: "Tina Teacher", other: "Otto Other"} {
				text := fmt.Sprintf("text %d", len(want))
				w.net.Post(who, chat, text)
				want = append(want, name+": "+text)
				w.wantMatrix(room, want...)
			}
		}
	}
	talk()
	p, err := w.st.PortalByChat(t.Context(), "fk", chat)
	w.must(err)
	for _, mode := range []store.Mode{store.ModeBoth, store.ModeAnnounce} {
		w.must(w.st.UpdatePortal(t.Context(), p.ID, func(p *store.Portal) error { p.Mode = mode; return nil }))
		w.room(chat)
		talk()
	}
	if a := w.wantSettled(); a.Dead > 0 {
		t.Errorf("dead letters: %+v", a)
	}
}

// TestModeSwitchedTwice switches a mode back while the room is still being changed
// for the first switch.
func TestModeSwitchedTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.PortalSpec{Bridge: "fk", Chat: "gym/news"})
	chat := w.net.NewChat("gym/news", false)
	w.start()
	room := w.room(chat)
	p, err := w.st.PortalByChat(t.Context(), "fk", chat)
	w.must(err)
	set := func(mode store.Mode) error {
		return w.st.UpdatePortal(t.Context(), p.ID, func(p *store.Portal) error { p.Mode = mode; return nil })
	}
	var opened atomic.Bool
	w.hs.mu.Lock()
	w.hs.lose = func(op string) error {
		if op == "levels" && !w.hs.rooms[room].levels.WriteLocked && opened.CompareAndSwap(false, true) {
			return set(store.ModeAnnounce)
		}
		return nil
	}
	w.hs.mu.Unlock()
	w.must(set(store.ModeBoth))
	w.eventually("the room opened, and locked again", func() bool {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		return opened.Load() && w.hs.rooms[room].levels.WriteLocked
	})
}

func TestPrivateChatIsGuarded(t *testing.T) {
	t.Parallel()
	spec := both("gym/staff")
	spec.Members = []string{"@teacher.*:school.example"}
	w := newWorld(t, spec)
	chat := w.net.NewChat("gym/staff", true)
	w.net.Admit(chat, "bot")
	w.start()
	room := w.room(chat)
	w.hs.setMember(room, "@teacher.two:school.example", "join")
	w.net.Post(w.teacher, chat, "secret one")
	w.wantMatrix(room, "Tina Teacher: secret one")

	w.hs.setMember(room, pupil, "join")
	w.eventually("the stranger is seen", func() bool {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		return len(w.hs.pushback) == 0
	})
	w.net.Post(w.teacher, chat, "secret two")
	w.eventually("the lane is held and says why", func() bool {
		lanes, err := w.st.Lanes(t.Context())
		w.must(err)
		for _, l := range lanes {
			if strings.Contains(l.LastError, "not entitled") {
				return true
			}
		}
		return false
	})
	w.wantMatrix(room, "Tina Teacher: secret one")
	w.hs.setMember(room, pupil, "leave")
	w.wantMatrix(room, "Tina Teacher: secret one", "Tina Teacher: secret two")
	w.wantSettled()
}

func TestHubRelaysOnceAndNeverBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.net.NewChat("gym/a", false), w.net.NewChat("gym/b", false)
	w.hs.mu.Lock()
	hub := w.hs.newRoom("hub")
	w.hs.mu.Unlock()
	sa, sb := both("gym/a"), both("gym/b")
	sa.Room, sb.Room = string(hub), string(hub)
	w.school.Portals = []engine.PortalSpec{sa, sb}
	w.start()
	if w.room(a) != hub || w.room(b) != hub {
		t.Fatal("the portals do not share the room")
	}
	w.hs.setMember(hub, pupil, "join")
	w.net.Post(w.teacher, a, "from a")
	w.wantMatrix(hub, "Tina Teacher: from a")
	w.wantRemote(b, "Tina Teacher: from a")
	said := w.hs.say(hub, pupil, "to both", nil)
	w.wantRemote(a, "Tina Teacher: from a", "Pia Pupil: to both")
	w.wantRemote(b, "Tina Teacher: from a", "Pia Pupil: to both")
	w.net.Delete(w.teacher, a, w.net.Messages(a)[0].ID)
	w.hs.redactBy(hub, pupil, said)
	w.wantRemote(a)
	w.wantRemote(b)
	w.wantSettled()
}

func TestEncryptedRoomIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	chat := w.net.NewChat("gym/market", false)
	w.hs.mu.Lock()
	room := w.hs.newRoom("secret")
	w.hs.rooms[room].encrypted = true
	w.hs.mu.Unlock()
	spec := both("gym/market")
	spec.Room = string(room)
	w.school.Portals = []engine.PortalSpec{spec}
	w.start()
	w.eventually("the portal pauses and says why", func() bool {
		p, err := w.st.PortalByChat(t.Context(), "fk", chat)
		return err == nil && strings.Contains(p.Paused, "encrypted")
	})
	w.net.Post(w.teacher, chat, "not for here")
	w.net.Post(w.teacher, chat, "nor this")
	w.wantMatrix(room)
	a, err := w.st.Account(t.Context())
	w.must(err)
	if a.Delivered != 0 {
		t.Errorf("account %+v", a)
	}
}

func TestWhatCannotCrossIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.hs.setMember(room, pupil, "join")
	w.hs.say(room, pupil, strings.Repeat("x", 5000), nil)
	w.hs.say(room, pupil, "short", nil)
	w.wantRemote(chat, "Pia Pupil: short")
	w.eventually("notice", func() bool {
		seen := w.hs.visible(room)
		return len(seen) == 3 && strings.Contains(seen[2], "did not reach Fakechat: it is too long")
	})
	a := w.wantSettled()
	dead, err := w.st.DeadLetters(t.Context(), 10)
	w.must(err)
	if a.Dead != 1 || len(dead) != 1 || !strings.Contains(dead[0].Reason, bridge.ErrTooLarge.Error()) {
		t.Errorf("account %+v, dead letters %d", a, len(dead))
	}
	w.must(w.queue.Discard(t.Context(), dead[0].Number, "test"))
	if a := w.wantSettled(); a.Dead != 0 || a.Dropped == 0 {
		t.Errorf("after discard: %+v", a)
	}
}

func TestRedactionMayComeFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.hs.setMember(room, pupil, "join")
	inbox := w.hold()
	said := w.hs.say(room, pupil, "oops", nil)
	late := w.take()
	w.hs.redactBy(room, pupil, said)
	w.release(inbox)
	w.eventually("tomb", func() bool { return w.drops()[policy.DropTarget] == 1 })
	w.must(w.engine.Accept(t.Context(), late, nil))
	w.eventually("dropped as removed", func() bool { return w.drops()[policy.DropRemoved] == 1 })
	w.hs.say(room, pupil, "next", nil)
	w.wantRemote(chat, "Pia Pupil: next")
	w.wantSettled()
}

func TestEditMayComeFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	w.limits.TargetWait = 10e9
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.hs.setMember(room, pupil, "join")
	inbox := w.hold()
	said := w.hs.say(room, pupil, "frist", nil)
	late := w.take()
	w.hs.say(room, pupil, "* first", edit(said, "first"))
	w.release(inbox)
	w.hs.say(room, pupil, "second", nil)
	w.wantRemote(chat, "Pia Pupil: second")
	w.must(w.engine.Accept(t.Context(), late, nil))
	w.wantRemote(chat, "Pia Pupil: second", "Pia Pupil: first (edited)")
	w.wantSettled()
}

func TestRepeatedTransactionsAreHarmless(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.hs.setMember(room, pupil, "join")
	inbox := w.hold()
	var want []string
	for i := range 20 {
		text := fmt.Sprintf("m%02d", i)
		w.hs.say(room, pupil, text, nil)
		want = append(want, "Pia Pupil: "+text)
	}
	all := w.take()
	w.release(inbox)
	for n := 1; n <= len(all); n++ { // grown, repeated transactions, as Dendrite sends them
		w.must(w.engine.Accept(t.Context(), all[:n], nil))
	}
	w.must(w.engine.Accept(t.Context(), all, nil))
	w.wantRemote(chat, want...)
	w.wantSettled()
	w.must(w.engine.Accept(t.Context(), all, nil))
	w.wantSettled()
	w.wantRemote(chat, want...)
}

func TestLostAnswersDoNotDouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	lost := 0
	w.hs.mu.Lock()
	w.hs.lose = func(op string) error {
		if op == "send" && lost < 5 {
			lost++
			return &bridge.TemporaryError{Err: errors.New("connection reset")}
		}
		return nil
	}
	w.hs.mu.Unlock()
	var want []string
	for i := range 10 {
		text := fmt.Sprintf("m%02d", i)
		w.net.Post(w.teacher, chat, text)
		want = append(want, "Tina Teacher: "+text)
	}
	w.wantMatrix(room, want...)
	w.wantSettled()
}

func TestRestartLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.hs.setMember(room, pupil, "join")
	var wantRoom []string
	for round := range 4 {
		for i := range 10 {
			text := fmt.Sprintf("t%d-%d", round, i)
			w.net.Post(w.teacher, chat, text)
			wantRoom = append(wantRoom, "Tina Teacher: "+text)
		}
		w.stop()
		for i := range 10 {
			text := fmt.Sprintf("away%d-%d", round, i)
			w.net.Post(w.teacher, chat, text)
			wantRoom = append(wantRoom, "Tina Teacher: "+text)
		}
		w.start()
		w.wantMatrix(room, wantRoom...)
	}
	w.wantSettled()
}

func TestBotRoomTakesCommandsOfDirectRoomsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.hs.mu.Lock()
	direct := w.hs.newRoom("direct")
	w.hs.rooms[direct].members[admin] = memberOf(admin)
	crowd := w.hs.newRoom("crowd")
	w.hs.rooms[crowd].members[admin] = memberOf(admin)
	w.hs.rooms[crowd].members[pupil] = memberOf(pupil)
	w.hs.mu.Unlock()
	first := w.hs.say(direct, admin, "status", nil)
	w.hs.say(direct, admin, "* mode", edit(first, "mode"))
	w.hs.say(crowd, admin, "status", nil)
	w.eventually("the answer", func() bool { return len(w.hs.visible(direct)) == 2 })
	a := w.wantSettled()
	if got := w.hs.visible(direct); got[1] != "steg: @admin:school.example said status" {
		t.Errorf("answer: %q", got[1])
	}
	if got := w.hs.visible(crowd); len(got) != 1 {
		t.Errorf("the bot answered in a room with others: %q", got)
	}
	if a.Dropped != 2 {
		t.Errorf("account %+v, want the edit and the crowd dropped", a)
	}
}

func TestProfileFollowsPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.net.SetAvatar(w.teacher, []byte("picture one"))
	w.start()
	room := w.room(chat)
	w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	w.net.RenameUser(w.teacher, "Tina\u202e Married")
	w.wantMatrix(room, "Tina Married: hello")
	w.net.SetAvatar(w.teacher, []byte("picture two"))
	w.eventually("picture", func() bool {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		return w.hs.avatars[w.hs.GhostID("fk", w.teacher)] == "picture two"
	})
	w.wantSettled()
}

func TestPatternChatsAreLinkedAndJoinableByAlias(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.PortalSpec{Bridge: "fk", Chat: "gym/class-*"})
	one := w.net.NewChat("gym/class-1a", false)
	w.net.NewChat("gym/other", false)
	w.net.NewChat("gym/class-secret", true)
	w.start()
	w.eventually("portal of the pattern", func() bool {
		p, err := w.st.PortalByChat(t.Context(), "fk", one)
		return err == nil && p.Follows && p.Room == ""
	})
	all, err := w.st.Portals(t.Context())
	w.must(err)
	if len(all) != 1 {
		t.Errorf("%d portals, want 1: other and private chats must not match", len(all))
	}
	ok, err := w.engine.Alias(t.Context(), w.hs.AliasFor("fk_"+all[0].Slug))
	if err != nil || !ok {
		t.Fatalf("alias of a linkable chat: %v %v", ok, err)
	}
	room := w.room(one)
	w.net.Post(w.teacher, one, "welcome")
	w.wantMatrix(room, "Tina Teacher: welcome")
	for _, unknown := range []string{"fk_gym-other", "fk_", "", "other"} {
		if ok, err := w.engine.Alias(t.Context(), w.hs.AliasFor(unknown)); ok || err != nil {
			t.Errorf("alias %q: %v %v", unknown, ok, err)
		}
	}
}
