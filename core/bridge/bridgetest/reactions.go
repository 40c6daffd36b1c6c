package bridgetest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

// RemoteReacts is a [Remote] of a network with reactions. An emoji is written as
// in [bridge.Reaction], without variation selectors.
type RemoteReacts interface {
	// React sets or takes back a person's reaction.
	React(tb testing.TB, user bridge.UserID, chat bridge.ChatID, id bridge.MessageID, emoji string, on bool)
	// Reactions lists who has reacted to a message, by emoji.
	Reactions(tb testing.TB, chat bridge.ChatID, id bridge.MessageID) map[string][]bridge.UserID
}

func reactionCases() []Case {
	return []Case{
		{Name: "inbound", unless: needReacts, run: reactIn},
		{Name: "inbound_to_ours", unless: needReacts, run: reactInOurs},
		{Name: "inbound_while_away", unless: needReacts, run: reactAway},
		{Name: "inbound_while_connection_is_cut", Needs: []Fault{FaultCut}, unless: needReacts, run: reactCut},
		{Name: "outbound", unless: needReacts, run: reactOut},
		{Name: "own_are_left_out", unless: needReacts, run: reactOwn},
		{Name: "answer_lost", Needs: []Fault{FaultAnswerLost}, unless: needReacts, run: reactLost},
		{Name: "unknown_emoji", unless: needReacts, run: reactUnknown},
		{Name: "to_nothing", unless: needReacts, run: reactNothing},
		{Name: "server_errors", Needs: []Fault{FaultServer}, unless: needReacts, run: reactServer},
	}
}

// The emoji of the cases; every network has them.
const (
	thumb     = "👍"
	thumbTone = "👍🏽"
	heart     = "❤" // networks and clients differ in whether they add U+FE0F
)

// reactions notes what is wrong with the reactions of an event.
func (s *Sink) reactions(e *bridge.Reactions, breach func(string, ...any)) {
	if e.Target == "" {
		breach("no target")
	}
	seen := map[bridge.Reaction]bool{}
	for _, r := range e.Present {
		if r.User == "" || r.Emoji == "" || r.Time.IsZero() {
			breach("a reaction without person, emoji or time")
		}
		if e.Sender != "" && r.User != e.Sender {
			breach("a reaction of another person than the sender")
		}
		k := bridge.Reaction{User: r.User, Emoji: r.Emoji}
		if seen[k] {
			breach("the same reaction twice")
		}
		seen[k] = true
	}
}

// Reactions is what a core knows of the reactions to a message: the persons, by
// emoji, sorted.
func (s *Sink) Reactions(chat bridge.ChatID, target bridge.MessageID) map[string][]bridge.UserID {
	of := map[bridge.UserID][]string{}
	for _, ev := range s.Events(chat) {
		e, ok := ev.(*bridge.Reactions)
		if !ok || e.Target != target {
			continue
		}
		if e.Sender == "" {
			clear(of)
		} else {
			delete(of, e.Sender)
		}
		for _, r := range e.Present {
			of[r.User] = append(of[r.User], r.Emoji)
		}
	}
	out := map[string][]bridge.UserID{}
	for _, user := range slices.Sorted(maps.Keys(of)) {
		for _, emoji := range of[user] {
			emoji = strings.ReplaceAll(emoji, "\uFE0F", "")
			out[emoji] = append(out[emoji], user)
		}
	}
	return out
}

func (k *kit) reacts() RemoteReacts {
	k.tb.Helper()
	r, ok := k.env.Remote.(RemoteReacts)
	if !ok {
		k.tb.Fatalf("the bridge declares reactions, but its driver is no RemoteReacts")
	}
	return r
}

func (k *kit) react(m *bridge.OutgoingReaction) error {
	k.tb.Helper()
	c, ok := k.client.(bridge.Reactor)
	if !ok {
		k.tb.Fatalf("the client is no Reactor")
	}
	ctx, cancel := k.settle()
	defer cancel()
	return k.noted(c.React(ctx, m))
}

func (k *kit) reaction(chat bridge.ChatID, target bridge.MessageID, emoji string) *bridge.OutgoingReaction {
	m := k.out(chat, "")
	return &bridge.OutgoingReaction{Key: m.Key, Chat: chat, Target: target, Author: m.Author, Emoji: emoji}
}

func (k *kit) awaitReactions(chat bridge.ChatID, target bridge.MessageID, want map[string][]bridge.UserID) {
	k.tb.Helper()
	for emoji := range want {
		slices.Sort(want[emoji])
	}
	var got map[string][]bridge.UserID
	k.await("the reactions are known", func() bool {
		got = k.sink.Reactions(chat, target)
		return maps.EqualFunc(got, want, slices.Equal)
	})
	if !maps.EqualFunc(got, want, slices.Equal) {
		k.tb.Errorf("reactions are %v, want %v", got, want)
	}
}

type holders = map[string][]bridge.UserID

func reactIn(k *kit) {
	kim, lou, chat, r := k.user("Kim"), k.user("Lou"), k.chat(), k.reacts()
	k.startConnected()
	msg, other := k.post(kim, chat, k.say("nice")), k.post(lou, chat, k.say("other"))
	r.React(k.tb, kim, chat, msg, thumb, true)
	k.awaitReactions(chat, msg, holders{thumb: {kim}})
	r.React(k.tb, lou, chat, msg, thumb, true)
	r.React(k.tb, lou, chat, msg, thumbTone, true)
	r.React(k.tb, lou, chat, msg, heart, true)
	k.awaitReactions(chat, msg, holders{thumb: {kim, lou}, thumbTone: {lou}, heart: {lou}})
	r.React(k.tb, kim, chat, msg, thumb, false)
	r.React(k.tb, lou, chat, msg, heart, false)
	k.awaitReactions(chat, msg, holders{thumb: {lou}, thumbTone: {lou}})
	r.React(k.tb, kim, chat, msg, thumb, true) // the same once more
	k.awaitReactions(chat, msg, holders{thumb: {kim, lou}, thumbTone: {lou}})
	for range 3 { // what was so, then otherwise, is so again
		r.React(k.tb, kim, chat, msg, heart, true)
		k.awaitReactions(chat, msg, holders{thumb: {kim, lou}, thumbTone: {lou}, heart: {kim}})
		r.React(k.tb, kim, chat, msg, heart, false)
		k.awaitReactions(chat, msg, holders{thumb: {kim, lou}, thumbTone: {lou}})
	}
	for _, emoji := range []string{thumb, thumbTone} {
		r.React(k.tb, lou, chat, msg, emoji, false)
	}
	r.React(k.tb, kim, chat, msg, thumb, false)
	k.awaitReactions(chat, msg, holders{})
	k.awaitReactions(chat, other, holders{})
	k.wantSame(kim, chat)
}

func reactInOurs(k *kit) {
	kim, chat, r := k.user("Kim"), k.chat(), k.reacts()
	k.startConnected()
	k.post(kim, chat, k.say("here")) // lets Kim in
	ours := k.send(k.out(chat, k.say("ours")))
	r.React(k.tb, kim, chat, ours.ID, heart, true)
	k.awaitReactions(chat, ours.ID, holders{heart: {kim}})
}

// What changes while nobody listens is told after the next connect, the last one
// that goes too.
func reactAway(k *kit) {
	kim, lou, chat, r := k.user("Kim"), k.user("Lou"), k.chat(), k.reacts()
	k.startConnected()
	a, b := k.post(kim, chat, k.say("a")), k.post(lou, chat, k.say("b"))
	r.React(k.tb, kim, chat, a, thumb, true)
	r.React(k.tb, lou, chat, b, heart, true)
	k.awaitReactions(chat, a, holders{thumb: {kim}})
	k.awaitReactions(chat, b, holders{heart: {lou}})
	k.restart()
	r.React(k.tb, kim, chat, a, thumb, false)
	r.React(k.tb, lou, chat, b, thumbTone, true)
	c := k.post(lou, chat, k.say("c"))
	r.React(k.tb, kim, chat, c, thumb, true)
	k.start()
	k.awaitReactions(chat, a, holders{})
	k.awaitReactions(chat, b, holders{heart: {lou}, thumbTone: {lou}})
	k.awaitReactions(chat, c, holders{thumb: {kim}})
	k.wantSame(kim, chat)
}

func reactCut(k *kit) {
	kim, chat, r := k.user("Kim"), k.chat(), k.reacts()
	k.startConnected()
	msg := k.post(kim, chat, k.say("x"))
	for _, on := range []bool{true, false} {
		k.remote.Cut(k.tb)
		r.React(k.tb, kim, chat, msg, thumb, on)
		want := holders{}
		if on {
			want[thumb] = []bridge.UserID{kim}
		}
		k.awaitReactions(chat, msg, want)
	}
}

func reactOut(k *kit) {
	kim, chat, r := k.user("Kim"), k.chat(), k.reacts()
	k.startConnected()
	msg := k.post(kim, chat, k.say("x"))
	want := func(kinds ...string) {
		k.tb.Helper()
		got := r.Reactions(k.tb, chat, msg)
		if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(slices.Values(kinds))) {
			k.tb.Errorf("the network shows %v, want %v", got, kinds)
		}
		for emoji, users := range got {
			if len(users) != 1 || users[0] == kim {
				k.tb.Errorf("%s is by %v", emoji, users)
			}
		}
	}
	up, tone := k.reaction(chat, msg, thumb), k.reaction(chat, msg, thumbTone)
	love := k.reaction(chat, msg, heart)
	for range 2 { // the second time is a repeat and changes nothing
		for _, m := range []*bridge.OutgoingReaction{up, tone, love} {
			if err := k.react(m); err != nil {
				k.tb.Fatalf("React: %v", err)
			}
		}
		want(thumb, thumbTone, heart)
	}
	for _, m := range []*bridge.OutgoingReaction{tone, love} {
		m.Removed, m.Key = true, k.out(chat, "").Key
		for range 2 {
			if err := k.react(m); err != nil {
				k.tb.Fatalf("take back: %v", err)
			}
		}
	}
	want(thumb)
}

func reactOwn(k *kit) {
	kim, chat, r := k.user("Kim"), k.chat(), k.reacts()
	k.startConnected()
	msg := k.post(kim, chat, k.say("x"))
	if err := k.react(k.reaction(chat, msg, thumb)); err != nil {
		k.tb.Fatalf("React: %v", err)
	}
	r.React(k.tb, kim, chat, msg, heart, true)
	k.awaitReactions(chat, msg, holders{heart: {kim}})
	k.restart()
	r.React(k.tb, kim, chat, msg, thumb, true)
	k.start()
	k.awaitReactions(chat, msg, holders{heart: {kim}, thumb: {kim}})
}

func reactLost(k *kit) {
	kim, chat, r := k.user("Kim"), k.chat(), k.reacts()
	k.startConnected()
	msg := k.post(kim, chat, k.say("x"))
	m := k.reaction(chat, msg, thumb)
	k.remote.FailNext(k.tb, 1, FaultAnswerLost)
	k.wantTemporary("an answer that is lost", k.react(m))
	if err := k.react(m); err != nil {
		k.tb.Errorf("again: %v", err)
	}
	if got := r.Reactions(k.tb, chat, msg); len(got) != 1 || len(got[thumb]) != 1 {
		k.tb.Errorf("the network shows %v", got)
	}
}

func reactUnknown(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	msg := k.post(kim, chat, k.say("x"))
	for _, emoji := range []string{"no emoji", ":steg-never-made-this:", "👍👍", strings.Repeat("x", 5000), ":../x:"} {
		k.wantIs("React with an unknown emoji", k.react(k.reaction(chat, msg, emoji)), bridge.ErrUnsupported)
	}
}

func reactNothing(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	msg := k.post(kim, chat, k.say("x"))
	k.remote.Delete(k.tb, kim, chat, msg)
	k.wantPermanent("React to a deleted message", k.react(k.reaction(chat, msg, thumb)))
	k.wantPermanent("React to no message", k.react(k.reaction(chat, "nothing", thumb)))
}

func reactServer(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	msg := k.post(kim, chat, k.say("x"))
	k.fence(kim, chat)
	k.remote.FailNext(k.tb, 1, FaultServer)
	k.wantTemporary("a server error", k.react(k.reaction(chat, msg, thumb)))
}
