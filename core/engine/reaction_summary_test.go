package engine_test

import (
	"fmt"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// The bot's one reaction does not tell who holds it when several do: a message in
// the thread says so.
func TestReactionSummary(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.net.Post(w.teacher, chat, "hello")
	const post, lead = "Tina Teacher: hello", "  Steg: "
	w.wantMatrix(room, post)
	hello := w.hs.eventOf(room, "hello")
	w.hs.setMember(room, pupil, "join")
	w.hs.setMember(room, admin, "join")

	thumb := w.hs.react(room, pupil, hello, "👍\uFE0F")
	w.hs.react(room, pupil, hello, "🎉")
	w.wantSettled()
	w.wantRemote(chat, post) // nothing to explain
	w.hs.react(room, admin, hello, "👍")
	w.wantRemote(chat, post, lead+"👍 Pia Pupil, Adam Admin · 🎉 Pia Pupil")
	party := w.hs.react(room, admin, hello, "🎉")
	w.wantRemote(chat, post, lead+"👍 Pia Pupil, Adam Admin · 🎉 Pia Pupil, Adam Admin (edited)")
	w.stop()
	w.start() // it is known which message it is
	w.hs.redactBy(room, pupil, thumb)
	w.wantRemote(chat, post, lead+"🎉 Pia Pupil, Adam Admin · 👍 Adam Admin (edited)")
	w.hs.redactBy(room, admin, party)
	w.wantRemote(chat, post)
	w.hs.react(room, admin, hello, "🎉") // a new one
	w.wantRemote(chat, post, lead+"🎉 Pia Pupil, Adam Admin · 👍 Adam Admin")
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
	w.wantMatrix(room, post) // it is for the network only
}

// A class reacts at once, and the answer to the summary's send is lost.
func TestReactionSummaryOfMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	target := w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	hello := w.hs.eventOf(room, "hello")
	want := "  Steg: 👍"
	for n := range 30 {
		who := id.UserID(fmt.Sprintf("@p%02d:%s", n, server))
		w.hs.setMember(room, who, "join")
		w.hs.react(room, who, hello, "👍")
		if n < 12 {
			sep := ","
			if n == 0 {
				sep = ""
			}
			want += fmt.Sprintf("%s p%02d", sep, n)
		}
	}
	w.wantBotReactions(chat, target, "👍")
	w.net.FailNext("bot", 1, bridgetest.FaultAnswerLost)
	w.eventually("one summary of all", func() bool {
		all := w.remote(chat)
		return len(all) == 2 && (all[1] == want+" +18" || all[1] == want+" +18 (edited)")
	})
	w.wantSettled()
	if all := w.remote(chat); len(all) != 2 {
		t.Errorf("%d messages: %v", len(all), all)
	}
}
