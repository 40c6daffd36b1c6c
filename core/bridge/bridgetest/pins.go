package bridgetest

import (
	"slices"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

// RemotePins is a [Remote] of a network with pins.
type RemotePins interface {
	// Pin lets a person pin a message or take the pin away.
	Pin(tb testing.TB, user bridge.UserID, chat bridge.ChatID, id bridge.MessageID, on bool)
	// Pinned lists what is pinned.
	Pinned(tb testing.TB, chat bridge.ChatID) []bridge.MessageID
}

func needPins(c bridge.Capabilities) string { return unless(c.Pins, "no pins") }

func pinCases() []Case {
	return []Case{
		{Name: "inbound", unless: needPins, run: pinsIn},
		{Name: "inbound_while_away", unless: needPins, run: pinsAway},
		{Name: "outbound", unless: needPins, run: pinsOut},
		{Name: "of_nothing", unless: needPins, run: pinsNothing},
	}
}

// PinsChanged implements [bridge.Sink].
func (s *Sink) PinsChanged(chat bridge.ChatID) {
	s.called()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pinned[chat]++
	s.announce()
}

// PinsTold counts how often it was told that the pins of a chat have changed.
func (s *Sink) PinsTold(chat bridge.ChatID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pinned[chat]
}

func (k *kit) pins() (RemotePins, bridge.Pinner) {
	k.tb.Helper()
	r, driver := k.env.Remote.(RemotePins)
	c, client := k.client.(bridge.Pinner)
	if !driver || !client {
		k.tb.Fatalf("the bridge declares pins, but its driver or its client lacks them")
	}
	return r, c
}

// wantPinned wants the client to list these and no others.
func (k *kit) wantPinned(chat bridge.ChatID, want ...bridge.MessageID) {
	k.tb.Helper()
	_, c := k.pins()
	ctx, cancel := k.settle()
	defer cancel()
	got, err := c.Pinned(ctx, chat)
	if k.noted(err) != nil {
		k.tb.Fatalf("Pinned: %v", err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		k.tb.Errorf("pinned are %v, want %v", got, want)
	}
}

func (k *kit) pin(chat bridge.ChatID, id bridge.MessageID, on bool) error {
	k.tb.Helper()
	_, c := k.pins()
	ctx, cancel := k.settle()
	defer cancel()
	return k.noted(c.Pin(ctx, chat, id, on))
}

func (k *kit) awaitPins(chat bridge.ChatID, more int) {
	k.tb.Helper()
	k.await("a change of pins is told", func() bool { return k.sink.PinsTold(chat) > more })
}

func pinsIn(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	r, _ := k.pins()
	k.startConnected()
	a, b := k.post(kim, chat, k.say("a")), k.post(kim, chat, k.say("b"))
	k.awaitMessage(chat, b)
	before := k.sink.PinsTold(chat)
	r.Pin(k.tb, kim, chat, a, true)
	k.awaitPins(chat, before)
	k.wantPinned(chat, a)
	r.Pin(k.tb, kim, chat, b, true)
	k.wantPinned(chat, a, b)
	k.wantSame(kim, chat)
	before = k.sink.PinsTold(chat)
	r.Pin(k.tb, kim, chat, a, false)
	k.awaitPins(chat, before)
	k.wantPinned(chat, b)
	k.wantSame(kim, chat) // a pin is no edit
}

func pinsAway(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	r, _ := k.pins()
	k.startConnected()
	a := k.post(kim, chat, k.say("a"))
	k.awaitMessage(chat, a)
	for _, on := range []bool{true, false} {
		k.restart()
		before := k.sink.PinsTold(chat)
		r.Pin(k.tb, kim, chat, a, on)
		k.start()
		k.awaitPins(chat, before)
	}
	k.wantPinned(chat)
	k.wantSame(kim, chat)
}

func pinsOut(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	r, _ := k.pins()
	k.startConnected()
	a := k.post(kim, chat, k.say("a"))
	ours := k.send(k.out(chat, k.say("ours")))
	want := func(ids ...bridge.MessageID) {
		k.tb.Helper()
		got := r.Pinned(k.tb, chat)
		slices.Sort(got)
		slices.Sort(ids)
		if !slices.Equal(got, ids) {
			k.tb.Errorf("the network shows the pins %v, want %v", got, ids)
		}
	}
	for _, step := range []struct {
		id   bridge.MessageID
		on   bool
		then []bridge.MessageID
	}{
		{a, true, []bridge.MessageID{a}},
		{ours.ID, true, []bridge.MessageID{a, ours.ID}},
		{a, false, []bridge.MessageID{ours.ID}},
	} {
		for range 2 { // what is so already succeeds
			if err := k.pin(chat, step.id, step.on); err != nil {
				k.tb.Fatalf("Pin: %v", err)
			}
			want(step.then...)
		}
	}
	k.wantSame(kim, chat)
}

func pinsNothing(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	msg := k.post(kim, chat, k.say("x"))
	k.remote.Delete(k.tb, kim, chat, msg)
	k.wantIs("a pin of what is gone", k.pin(chat, msg, true), bridge.ErrNotFound)
	k.wantIs("a pin of what never was", k.pin(chat, "nothing", true), bridge.ErrNotFound)
}
