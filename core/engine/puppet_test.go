package engine_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/store"
)

// puppetWorld is a world with one chat, where Matrix people have accounts of their
// own. Its room has the pupil in it.
func puppetWorld(t *testing.T, o bridgefake.Options) (w *world, chat bridge.ChatID, room id.RoomID) {
	t.Helper()
	o.Puppets = true
	w = newWorldOn(t, o, both("gym/market"))
	chat = w.net.NewChat("gym/market", false)
	w.start()
	room = w.room(chat)
	w.hs.setMember(room, pupil, "join")
	return w, chat, room
}

// speakers are the accounts that wrote in a chat, each once.
func (w *world) speakers(chat bridge.ChatID) []bridge.UserID {
	var out []bridge.UserID
	for _, m := range w.net.Messages(chat) {
		if !slices.Contains(out, m.User) {
			out = append(out, m.User)
		}
	}
	return out
}

func (w *world) puppet(user id.UserID) bridge.UserID {
	w.t.Helper()
	row, err := w.st.Puppet(w.t.Context(), "fk", user)
	w.must(err)
	return row.User
}

// What a person says, changes and takes back is theirs there, and does not come back.
func TestPuppetsSpeakForThemselves(t *testing.T) {
	t.Parallel()
	w, chat, room := puppetWorld(t, bridgefake.Options{})
	remote := bridgefake.NewRemote(w.net, "bot")
	said := w.hs.say(room, pupil, "hi", nil)
	w.wantRemote(chat, "Pia Pupil: hi")
	pia := w.puppet(pupil)
	if got := w.speakers(chat); !slices.Equal(got, []bridge.UserID{pia}) || !remote.InChat(t, pia, chat) {
		t.Fatalf("%v spoke, want %s, as a member", got, pia)
	}
	post := w.net.Post(w.teacher, chat, "hello <@"+string(pia)+">")
	w.hs.react(room, pupil, said, "🎉")
	w.hs.say(room, pupil, "* hi!", edit(said, "hi!"))
	w.wantRemote(chat, "Pia Pupil: hi! (edited)", "Tina Teacher: hello <@"+string(pia)+">")
	w.eventually("the reaction is Pia's", func() bool {
		return slices.Equal(w.net.Reactions(chat, w.net.Messages(chat)[0].ID)["🎉"], []bridge.UserID{pia})
	})
	w.eventually("the mention is the pupil's", func() bool {
		return slices.ContainsFunc(w.hs.mentions(room), func(who []id.UserID) bool { return slices.Equal(who, []id.UserID{pupil}) })
	})
	// Each for themselves: no summary.
	w.hs.setMember(room, admin, "join")
	hello := w.hs.eventOf(room, "hello @Pia Pupil")
	w.hs.react(room, pupil, hello, "👍")
	like := w.hs.react(room, admin, hello, "👍")
	w.eventually("both react", func() bool { return len(w.net.Reactions(chat, post)["👍"]) == 2 })
	w.hs.redactBy(room, admin, like)
	w.eventually("one took it back", func() bool {
		return slices.Equal(w.net.Reactions(chat, post)["👍"], []bridge.UserID{pia})
	})
	w.stop()
	w.start()
	w.hs.redactBy(room, pupil, said)
	w.wantRemote(chat, "Tina Teacher: hello <@"+string(pia)+">")
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
	for _, ev := range w.hs.visible(room) {
		if ev == "Pia Pupil (bot): hi" {
			t.Error("what the puppet said came back")
		}
	}
}

// Name and picture follow before the next message.
func TestPuppetsFollowProfiles(t *testing.T) {
	t.Parallel()
	w, chat, room := puppetWorld(t, bridgefake.Options{})
	remote := bridgefake.NewRemote(w.net, "bot")
	w.hs.say(room, pupil, "one", nil)
	w.wantRemote(chat, "Pia Pupil: one")
	w.hs.rename(room, pupil, "Pia P.")
	w.hs.say(room, pupil, "two", nil)
	w.wantRemote(chat, "Pia Pupil: one", "Pia P.: two")
	if name := remote.UserName(t, w.puppet(pupil)); name != "Pia P." {
		t.Errorf("the account is called %q", name)
	}
}

// Where a person's account cannot be had, the bridge's own speaks, and nothing is
// doubled when that changes between two attempts.
func TestRelaySpeaksWithoutPuppets(t *testing.T) {
	t.Parallel()
	w, chat, room := puppetWorld(t, bridgefake.Options{})
	w.net.Full(chat, true)
	w.hs.say(room, pupil, "one", nil)
	w.wantRemote(chat, "Pia Pupil: one")
	if got := w.speakers(chat); !slices.Equal(got, []bridge.UserID{"bot-bot"}) {
		t.Errorf("%v spoke", got)
	}
	w.net.FailNext("bot", 1000, bridgetest.FaultAnswerLost)
	w.hs.say(room, pupil, "two", nil)
	w.wantRemote(chat, "Pia Pupil: one", "Pia Pupil: two")
	w.stop() // what was refused is tried again after a restart
	w.net.FailNext("bot", 0, bridgetest.FaultAnswerLost)
	w.net.Full(chat, false)
	w.net.ForgetKeys()
	w.start()
	w.hs.say(room, pupil, "three", nil)
	w.wantRemote(chat, "Pia Pupil: one", "Pia Pupil: two", "Pia Pupil: three")
	if got := w.speakers(chat); !slices.Contains(got, w.puppet(pupil)) {
		t.Errorf("only %v spoke", got)
	}
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}

// A secret that is not accepted any more is renewed; nothing is lost.
func TestPuppetIsLetInAgain(t *testing.T) {
	t.Parallel()
	w, chat, room := puppetWorld(t, bridgefake.Options{})
	w.hs.say(room, pupil, "one", nil)
	w.wantRemote(chat, "Pia Pupil: one")
	pia := w.puppet(pupil)
	w.net.RevokePuppet(pia)
	w.hs.say(room, pupil, "two", nil)
	w.wantRemote(chat, "Pia Pupil: one", "Pia Pupil: two")
	if got := w.speakers(chat); !slices.Equal(got, []bridge.UserID{pia}) {
		t.Errorf("%v spoke, want only %s", got, pia)
	}
	w.wantSettled()
}

// Answers that are lost, again and again: nothing is doubled, whoever speaks.
func TestPuppetsSayItOnce(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	w, chat, room := puppetWorld(t, bridgefake.Options{Hook: func(_ context.Context, c bridgefake.Call) error {
		if (c.Op == "puppet" || c.Op == "admit") && calls.Add(1)%2 == 1 {
			return errors.New("the network stumbles")
		}
		return nil
	}})
	var want []string
	for n := range 10 {
		w.net.FailNext("bot", 1, bridgetest.FaultAnswerLost)
		if row, err := w.st.Puppet(t.Context(), "fk", pupil); err == nil {
			w.net.FailNext(row.Login, 1, bridgetest.FaultAnswerLost)
		}
		text := string(rune('a' + n))
		w.hs.say(room, pupil, text, nil)
		want = append(want, "Pia Pupil: "+text)
		w.wantRemote(chat, want...)
		w.net.ForgetKeys()
	}
	w.wantSettled()
}

// Accounts come and go with their people, before a word is said; whom somebody there
// takes out leaves the room, and comes back when let in again.
func TestPuppetsComeAndGo(t *testing.T) {
	t.Parallel()
	w, chat, room := puppetWorld(t, bridgefake.Options{})
	remote := bridgefake.NewRemote(w.net, "bot")
	in := func(user id.UserID) func() bool {
		return func() bool {
			row, err := w.st.Puppet(t.Context(), "fk", user)
			return err == nil && remote.InChat(t, row.User, chat)
		}
	}
	w.eventually("the pupil's account is in the chat", in(pupil))
	w.hs.setMember(room, admin, "join")
	w.eventually("the admin's account is in the chat", in(admin))
	w.hs.setMember(room, pupil, "leave")
	w.eventually("the pupil's account has left", func() bool { return !in(pupil)() })
	w.hs.setMember(room, pupil, "join")
	w.eventually("the pupil's account is back", in(pupil))
	w.compared(chat)

	w.net.Exit(chat, w.puppet(pupil), w.puppet(admin))
	w.eventually("the pupil is out of the room", func() bool { return !w.hs.isIn(room, pupil) })
	w.compared(chat)
	if in(pupil)() || !w.hs.isIn(room, admin) {
		t.Error("an account came back by itself, or an administrator was removed")
	}
	w.hs.setMember(room, pupil, "join")
	w.eventually("the pupil's account is let in again", in(pupil))
	w.hs.say(room, pupil, "here again", nil)
	w.wantRemote(chat, "Pia Pupil: here again")
	// Whom the chat does not take, nobody speaks for.
	w.hs.say(room, admin, "nor am I", nil)
	w.eventually("a dead letter", func() bool {
		a, err := w.st.Account(t.Context())
		return err == nil && a.Dead == 1
	})
	w.wantRemote(chat, "Pia Pupil: here again")
	w.wantSettled()
}

// In a portal that lets nothing cross from Matrix their accounts have no business.
func TestPuppetsLeaveWhatIsOneWay(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, bridgefake.Options{Puppets: true}, engine.PortalSpec{Bridge: "fk", Chat: "gym/market"})
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.hs.setMember(room, pupil, "join")
	set := func(m store.Mode) {
		p, err := w.st.PortalByChat(t.Context(), "fk", chat)
		w.must(err)
		w.must(w.st.UpdatePortal(t.Context(), p.ID, func(p *store.Portal) error { p.Mode = m; return nil }))
		w.room(chat)
	}
	set(store.ModeBoth)
	w.hasAccount(pupil, chat)
	set(store.ModeAnnounce)
	remote := bridgefake.NewRemote(w.net, "bot")
	w.eventually("the account has left", func() bool { return !remote.InChat(t, w.puppet(pupil), chat) })
}
