package engine_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
)

// A client that shows colours adds U+FE0F.
const coloured = "❤\uFE0F"

func (w *world) wantReactions(room id.RoomID, target id.EventID, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	var got []string
	w.eventually("the reactions in the room", func() bool {
		got = w.hs.reactions(room, target)
		return slices.Equal(got, want)
	})
}

// wantBotReactions wants the bot to show these emoji at a remote message, once each.
func (w *world) wantBotReactions(chat bridge.ChatID, target bridge.MessageID, want ...string) {
	w.t.Helper()
	w.eventually("the bot's reactions in the chat", func() bool {
		var shown []string
		for emoji, users := range w.net.Reactions(chat, target) {
			if slices.Contains(users, "bot-bot") {
				shown = append(shown, emoji)
			}
		}
		slices.Sort(shown)
		slices.Sort(want)
		return slices.Equal(shown, want)
	})
}

func TestReactionsCrossToMatrix(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	kim := w.net.NewUser("Kim")
	post := w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	hello := w.hs.eventOf(room, "hello")

	w.net.React(kim, chat, post, "👍", true)
	w.net.React(w.teacher, chat, post, "👍", true)
	w.net.React(kim, chat, post, "❤", true)
	w.net.React(kim, chat, post, ":party:", true)
	w.wantReactions(room, hello, "👍\uFE0F Kim", "👍\uFE0F Tina Teacher", coloured+" Kim", ":party: Kim")
	w.net.React(kim, chat, post, "👍", false)
	w.wantReactions(room, hello, "👍\uFE0F Tina Teacher", coloured+" Kim", ":party: Kim")
	w.net.React(kim, chat, post, "👍", true) // the same again
	w.wantReactions(room, hello, "👍\uFE0F Kim", "👍\uFE0F Tina Teacher", coloured+" Kim", ":party: Kim")

	// To what a Matrix person wrote, and while the gateway is away.
	said := w.hs.say(room, pupil, "hi", nil)
	w.wantRemote(chat, "Tina Teacher: hello", "Pia Pupil: hi")
	ours := w.net.Messages(chat)[1].ID
	w.net.React(kim, chat, ours, "🎉", true)
	w.wantReactions(room, said, "🎉 Kim")
	w.stop()
	w.net.React(kim, chat, ours, "🎉", false)
	w.net.React(w.teacher, chat, ours, "👍🏽", true)
	w.start()
	w.wantReactions(room, said, "👍🏽 Tina Teacher")
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}

// Each send may land although its answer is lost, or fail: no reaction is doubled.
func TestReactionsCrossOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	post := w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	hello := w.hs.eventOf(room, "hello")
	var calls atomic.Int64
	trouble := func(every int64) func(string) error {
		return func(op string) error {
			if (op == "send" || op == "redact") && calls.Add(1)%every == 0 {
				return &bridge.TemporaryError{Err: errors.New("lost")}
			}
			return nil
		}
	}
	w.hs.mu.Lock()
	w.hs.fail, w.hs.lose = trouble(3), trouble(4)
	w.hs.mu.Unlock()
	want := []string{}
	for range 10 {
		kim := w.net.NewUser("Kim")
		w.net.React(kim, chat, post, "👍", true)
		w.net.React(kim, chat, post, "❤", true)
		w.net.React(kim, chat, post, "👍", false)
		want = append(want, coloured+" Kim")
	}
	w.wantReactions(room, hello, want...)
	w.wantSettled()
}

// All Matrix people react through one account: an emoji shows as long as somebody
// holds it.
func TestReactionsCrossToTheNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	post := w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	hello := w.hs.eventOf(room, "hello")
	w.hs.setMember(room, pupil, "join")

	thumb := w.hs.react(room, pupil, hello, "👍\uFE0F")
	love := w.hs.react(room, pupil, hello, coloured)
	w.hs.react(room, pupil, hello, "mxc://school.example/pic")
	w.wantBotReactions(chat, post, "👍", "❤", ":party:")
	also := w.hs.react(room, admin, hello, "👍")
	w.hs.redactBy(room, pupil, love)
	w.wantBotReactions(chat, post, "👍", ":party:")
	w.wantSettled()
	w.hs.redactBy(room, pupil, thumb)
	w.wantSettled()
	w.wantBotReactions(chat, post, "👍", ":party:") // the other's
	w.hs.redactBy(room, admin, also)
	w.wantBotReactions(chat, post, ":party:")
	w.wantReactions(room, hello, "👍 Adam Admin", "👍\uFE0F Pia Pupil", coloured+" Pia Pupil", "mxc://school.example/pic Pia Pupil")

	// What a ghost holds nobody here can take back there.
	w.net.React(w.teacher, chat, post, "🎉", true)
	w.wantReactions(room, hello, "👍 Adam Admin", "👍\uFE0F Pia Pupil", coloured+" Pia Pupil", "mxc://school.example/pic Pia Pupil", "🎉 Tina Teacher")
	theirs := w.hs.reactionOf(room, "🎉")
	w.hs.redactBy(room, admin, theirs)
	w.eventually("drop of a foreign reaction", func() bool { return w.drops()[policy.DropForeign] == 1 })
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
	if got := w.net.Reactions(chat, post)["🎉"]; len(got) != 1 {
		t.Errorf("the teacher's reaction: %v", got)
	}
}

// A redaction may be told before its reaction, and either may be told twice.
func TestReactionTakenBackEarly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	w.limits.TargetWait = 100 * time.Millisecond
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	post := w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	inbox := w.hold()
	thumb := w.hs.react(room, pupil, w.hs.eventOf(room, "hello"), "👍")
	w.hs.redactBy(room, pupil, thumb)
	evs := slices.DeleteFunc(w.take(), func(ev intent.Event) bool { return ev.Sender != pupil }) // without echoes
	if len(evs) != 2 {
		t.Fatalf("%d events", len(evs))
	}
	w.must(inbox(t.Context(), evs[1:], nil))
	w.wantSettled()
	for range 2 {
		w.must(inbox(t.Context(), evs, nil))
	}
	w.wantSettled()
	w.wantBotReactions(chat, post)
	w.release(inbox)
}

// What the network does not take becomes a dead letter, and its person is told.
func TestReactionThatCannotCross(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	post := w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	hello := w.hs.eventOf(room, "hello")
	w.hs.react(room, pupil, hello, "what?")
	w.wantMatrix(room, "Tina Teacher: hello", "steg: Your reaction did not reach Fakechat: that emoji is not known there.")
	for _, emoji := range []string{"👍", "👍🏽", "❤", "🎉"} {
		w.net.React(w.teacher, chat, post, emoji, true)
	}
	w.hs.react(room, pupil, hello, "mxc://school.example/pic")
	w.wantMatrix(room, "Tina Teacher: hello", "steg: Your reaction did not reach Fakechat: that emoji is not known there.",
		"steg: Your reaction did not reach Fakechat: that message has too many different reactions there.")
	w.hs.react(room, pupil, hello, "👍") // the next one crosses
	w.wantBotReactions(chat, post, "👍")
	w.hs.react(room, pupil, hello, "")
	w.hs.react(room, pupil, "$unknown", "👍")
	w.eventually("drops", func() bool { d := w.drops(); return d[policy.DropEmpty] == 1 && d[policy.DropTarget] == 1 })
	if a := w.wantSettled(); a.Dead != 2 {
		t.Errorf("dead letters: %+v", a)
	}
}

// In a room of two networks a reaction of one crosses to the other, and back out of
// it again.
func TestReactionsInAHub(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/one"))
	one, two := w.net.NewChat("gym/one", false), w.net.NewChat("gym/two", false)
	w.start()
	room := w.room(one)
	w.school.Portals = append(w.school.Portals, both("gym/two"))
	w.school.Portals[1].Room = string(room)
	w.stop()
	w.start()
	w.room(two)
	post := w.net.Post(w.teacher, one, "hello")
	w.wantRemote(two, "Tina Teacher: hello")
	copied := w.net.Messages(two)[0].ID
	w.net.React(w.teacher, one, post, "👍", true)
	w.wantBotReactions(two, copied, "👍")
	w.wantBotReactions(one, post)
	w.net.React(w.teacher, one, post, "👍", false)
	w.wantBotReactions(two, copied)
	if a := w.wantSettled(); a.Dead != 0 {
		t.Errorf("dead letters: %+v", a)
	}
}
