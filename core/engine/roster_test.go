package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/store"
)

// wantGhosts waits until just these people's ghosts are in a room.
func (w *world) wantGhosts(room id.RoomID, want ...bridge.UserID) {
	w.t.Helper()
	slices.Sort(want)
	got := func() []bridge.UserID { return slices.Sorted(maps.Keys(w.hs.ghostsIn(room))) }
	w.eventually("the right ghosts in the room", func() bool { return slices.Equal(got(), want) })
	if diff := cmp.Diff(want, got()); diff != "" && len(want) > 0 {
		w.t.Errorf("ghosts (-want +got):\n%s", diff)
	}
}

// compared waits until a chat's members were compared with its room after
// everything that was hinted at.
func (w *world) compared(chat bridge.ChatID) {
	w.t.Helper()
	w.eventually("a comparison of members", func() bool {
		p, err := w.st.PortalByChat(w.t.Context(), "fk", chat)
		w.must(err)
		c, err := w.st.MemberCheck(w.t.Context(), &p)
		w.must(err)
		return !c.Due()
	})
}

func TestMembersAreFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	anna, beat := w.net.NewUser("Anna Arnold"), w.net.NewUser("Beat Bernet")
	w.net.Enter(chat, anna)
	w.start()
	room := w.room(chat)
	w.wantGhosts(room, anna) // who was in it from the beginning
	w.net.Enter(chat, beat)
	w.wantGhosts(room, anna, beat)
	if got := w.hs.show(w.hs.GhostID("fk", beat)); got != "Beat Bernet" {
		t.Errorf("the ghost is called %q", got)
	}
	w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	w.net.Exit(chat, anna)
	w.wantGhosts(room, beat, w.teacher)

	// While we were away.
	w.compared(chat)
	w.stop()
	w.net.Exit(chat, beat)
	w.net.Enter(chat, anna)
	w.start()
	w.wantGhosts(room, anna, w.teacher)
	w.compared(chat)

	// What nobody tells is found at the next connection; and a list that is as it
	// was is not read again.
	w.net.ExitUnseen(chat, anna)
	w.net.Cut("bot")
	w.wantGhosts(room, w.teacher)
	w.wantSettled()
}

// A list that has not changed is not read when the login connects again, nor after
// a restart.
func TestUnchangedMembersAreNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"), both("gym/other"))
	chat, other := w.net.NewChat("gym/market", false), w.net.NewChat("gym/other", false)
	anna := w.net.NewUser("Anna Arnold")
	w.net.Enter(chat, anna)
	w.start()
	room := w.room(chat)
	w.room(other)
	w.wantGhosts(room, anna)
	w.compared(chat)
	w.compared(other)
	before := w.net.Lists()
	w.stop()
	w.start()
	w.net.Enter(other, anna)
	w.wantGhosts(w.room(other), anna)
	w.compared(other)
	if got := w.net.Lists(); got > before+2 { // that of the other may have been read by its sign and by the hint
		t.Errorf("%d lists were read", got-before)
	}
}

// In a chat with more people than are shown, ghosts join when they write; who has
// left leaves all the same.
func TestLargeChatIsLazy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	w.limits.MembersShown = 10
	chat := w.net.NewChat("gym/market", false)
	crowd := w.net.Crowd(chat, 20)
	w.start()
	room := w.room(chat)
	w.compared(chat)
	w.wantGhosts(room)
	w.net.Post(crowd[3], chat, "hello")
	w.net.Post(crowd[4], chat, "hello")
	w.wantGhosts(room, crowd[3], crowd[4])
	w.net.Exit(chat, crowd[3], crowd[7])
	w.wantGhosts(room, crowd[4])
}

// A moderator on Matrix keeps a ghost out until its person comes anew or writes; a
// banned one stays out for good.
func TestModeratorsKeepGhostsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	anna, beat, cora := w.net.NewUser("Anna"), w.net.NewUser("Beat"), w.net.NewUser("Cora")
	w.net.Enter(chat, anna, beat, cora)
	w.start()
	room := w.room(chat)
	w.wantGhosts(room, anna, beat, cora)
	w.hs.setMemberBy(room, admin, w.hs.GhostID("fk", anna), "leave")
	w.hs.setMemberBy(room, admin, w.hs.GhostID("fk", beat), "ban")
	w.must(w.hs.flush(t.Context()))
	again := func(want ...bridge.UserID) {
		t.Helper()
		n := w.net.NewUser("Somebody")
		w.net.Enter(chat, n) // makes us look
		w.wantGhosts(room, append(want, n)...)
		w.net.Exit(chat, n)
		w.wantGhosts(room, want...)
	}
	again(cora)
	w.net.Post(anna, chat, "I am here")
	w.wantGhosts(room, anna, cora)
	w.hs.setMemberBy(room, admin, w.hs.GhostID("fk", anna), "leave")
	w.must(w.hs.flush(t.Context()))
	again(cora)
	w.net.Exit(chat, anna, beat)
	w.net.Enter(chat, anna, beat)
	w.wantGhosts(room, anna, cora)
	w.net.Post(beat, chat, "and I?")
	w.eventually("a dead letter", func() bool {
		a, err := w.st.Account(t.Context())
		return err == nil && a.Dead == 1
	})
}

// Nobody comes into the room of a private chat that strangers are in, and ghosts
// are no strangers.
func TestGuardKeepsMembersOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.PortalSpec{Bridge: "fk", Chat: "gym/staff", Mode: store.ModeBoth})
	chat := w.net.NewChat("gym/staff", true)
	w.net.Admit(chat, "bot")
	anna, beat, cora := w.net.NewUser("Anna"), w.net.NewUser("Beat"), w.net.NewUser("Cora")
	w.net.Enter(chat, anna, beat)
	w.start()
	room := w.room(chat)
	w.wantGhosts(room, anna, beat)
	w.net.Post(anna, chat, "among us")
	w.wantMatrix(room, "Anna: among us")
	w.hs.setMember(room, pupil, "join")
	w.must(w.hs.flush(t.Context()))
	w.net.ExitUnseen(chat, anna)
	w.net.Enter(chat, cora) // the hint is held, as are messages
	w.net.Cut("bot")
	w.wantGhosts(room, beat)
	w.hs.setMember(room, pupil, "leave")
	w.wantGhosts(room, beat, cora)
}

// Who may not cross is not shown: in a room that only feeds the network.
func TestInboxShowsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.PortalSpec{Bridge: "fk", Chat: "gym/box", Mode: store.ModeInbox}, both("gym/market"))
	box, market := w.net.NewChat("gym/box", false), w.net.NewChat("gym/market", false)
	anna := w.net.NewUser("Anna")
	w.net.Enter(box, anna)
	w.start()
	room := w.room(box)
	w.net.Enter(market, anna)
	w.wantGhosts(w.room(market), anna)
	w.wantGhosts(room)
}

func TestClosedAccountLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"), both("gym/other"))
	chat, other := w.net.NewChat("gym/market", false), w.net.NewChat("gym/other", false)
	anna, beat := w.net.NewUser("Anna"), w.net.NewUser("Beat")
	for _, c := range []bridge.ChatID{chat, other} {
		w.net.Enter(c, anna, beat)
	}
	w.start()
	for _, c := range []bridge.ChatID{chat, other} {
		w.wantGhosts(w.room(c), anna, beat)
	}
	w.net.CloseAccount(anna, true)
	for _, c := range []bridge.ChatID{chat, other} {
		w.wantGhosts(w.room(c), beat)
	}
	w.net.CloseAccount(anna, false)
	w.net.Cut("bot") // found at the next look
	w.wantGhosts(w.room(chat), anna, beat)
}

// Hundreds who join delay no message, also when the homeserver hangs at a join;
// and a restart in the middle goes on where it was.
func TestCrowdDelaysNoMessage(t *testing.T) {
	t.Parallel()
	const people = 600
	w := newWorld(t, both("gym/market"))
	w.limits.MembersShown, w.limits.MemberPause = people+10, 0
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.net.Post(w.teacher, chat, "first")
	w.wantMatrix(room, "Tina Teacher: first")
	w.compared(chat)

	var hung atomic.Bool
	hung.Store(true)
	waiting := make(chan struct{}, people)
	w.hs.mu.Lock()
	w.hs.before = func(ctx context.Context, _ string) {
		if !hung.Load() {
			return
		}
		waiting <- struct{}{}
		<-ctx.Done()
	}
	w.hs.mu.Unlock()
	crowd := w.net.Crowd(chat, people)
	<-waiting // the first join hangs
	want := []string{"Tina Teacher: first"}
	for n := range 20 {
		text := fmt.Sprintf("text %d", n)
		w.net.Post(w.teacher, chat, text)
		want = append(want, "Tina Teacher: "+text)
	}
	w.wantMatrix(room, want...)
	w.stop()
	hung.Store(false)
	w.start()
	w.eventually("many ghosts", func() bool { return len(w.hs.ghostsIn(room)) > 200 })
	w.stop()
	w.start()
	for n := 0; n < people+1; n = len(w.hs.ghostsIn(room)) { // as long as it goes on
		w.eventually("more ghosts", func() bool { return len(w.hs.ghostsIn(room)) > n })
	}
	w.wantGhosts(room, append(crowd, w.teacher)...)
	w.hs.mu.Lock()
	joins := w.hs.joins
	w.hs.mu.Unlock()
	if joins != people+1 {
		t.Errorf("%d joins for %d people", joins, people+1)
	}
	w.wantSettled()
}

// Programs join when they write, and are shown as what they are.
func TestProgramsAreShownAsSuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	robot := w.net.NewProgram("Robot")
	w.net.Enter(chat, robot, w.teacher)
	w.start()
	room := w.room(chat)
	w.wantGhosts(room, w.teacher)
	w.net.Post(robot, chat, "beep")
	w.wantMatrix(room, "Robot (bot): beep")
	w.wantGhosts(room, robot, w.teacher)
}
