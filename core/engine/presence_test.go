package engine_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/store"
)

// presenceWorld is a school that shows who is there. asked counts how often its network
// was asked.
func presenceWorld(t *testing.T, portals ...engine.PortalSpec) (w *world, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	w = newWorldOn(t, bridgefake.Options{Hook: func(_ context.Context, c bridgefake.Call) error {
		if c.Op == "presence" {
			asked.Add(1)
		}
		return nil
	}}, portals...)
	w.school.Presence = true
	return w, asked
}

func TestPresence(t *testing.T) {
	t.Parallel()
	w, _ := presenceWorld(t, both("gym/market"))
	w.others = []engine.School{{ID: "kanti", Name: "Kanti", Language: "en", Portals: []engine.PortalSpec{both("kanti/market")}}}
	chat, other := w.net.NewChat("gym/market", false), w.net.NewChat("kanti/market", false)
	stranger := w.net.NewUser("Stranger")
	w.net.SetPresence(stranger, bridge.PresenceOnline)
	w.start()
	room, elsewhere := w.room(chat), w.room(other)
	w.net.Post(stranger, other, "hello")
	w.wantMatrix(elsewhere, "Stranger: hello")
	w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")

	ghost, seen := w.hs.GhostID("fk", w.teacher), &w.hs.presence
	for _, p := range []struct {
		there bridge.Presence
		here  event.Presence
	}{
		{bridge.PresenceOnline, event.PresenceOnline},
		{bridge.PresenceAway, event.PresenceUnavailable},
		{bridge.PresenceOffline, event.PresenceOffline},
		{bridge.PresenceBusy, event.PresenceUnavailable},
	} {
		w.net.SetPresence(w.teacher, p.there)
		w.eventually("the ghost is "+string(p.here), seen.shows(ghost, p.here))
	}
	before, _ := seen.times(ghost)
	w.eventually("it is told again as long as it lasts", func() bool { now, _ := seen.times(ghost); return now > before+3 })
	if !seen.shows(w.hs.GhostID("fk", stranger), "")() {
		t.Error("a school that does not want it shows who is there")
	}
	if a := w.wantSettled(); a.Received != 2 {
		t.Errorf("%d items in the queue, want the 2 messages only", a.Received)
	}
	seen.set(func() {
		if seen.most != 1 {
			t.Errorf("%d requests at once", seen.most)
		}
	})
	w.stop()
	if !seen.shows(ghost, event.PresenceOffline)() {
		t.Error("the ghost is still there although the gateway has stopped")
	}
}

// Nobody is shown as being there by a network that does not answer.
func TestPresenceOfANetworkThatIsAway(t *testing.T) {
	t.Parallel()
	w, _ := presenceWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.net.SetPresence(w.teacher, bridge.PresenceOnline)
	w.start()
	room := w.room(chat)
	w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	ghost, seen := w.hs.GhostID("fk", w.teacher), &w.hs.presence
	w.eventually("the ghost is there", seen.shows(ghost, event.PresenceOnline))
	w.net.SetDown(true)
	w.eventually("the ghost is no longer there", seen.shows(ghost, event.PresenceOffline))
	w.net.SetDown(false)
	w.eventually("the ghost is there again", seen.shows(ghost, event.PresenceOnline))
}

// A homeserver that shows no presence is soon left alone, whether it says so or not.
func TestPresenceIsOffOnTheHomeserver(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]error{"silent": nil, "refused": fmt.Errorf("test: %w", bridge.ErrUnsupported)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, asked := presenceWorld(t, both("gym/market"))
			chat := w.net.NewChat("gym/market", false)
			seen := &w.hs.presence
			seen.off, seen.fail = true, fail
			w.net.SetPresence(w.teacher, bridge.PresenceOnline)
			w.start()
			room := w.room(chat)
			w.net.Post(w.teacher, chat, "hello")
			w.wantMatrix(room, "Tina Teacher: hello")
			w.eventually("the homeserver is told", func() bool { _, all := seen.times(""); return all > 0 })
			w.eventually("nobody tells it any more", func() bool {
				_, before := seen.times("")
				for range 3 { // changes that would be told
					now := asked.Load()
					w.net.SetPresence(w.teacher, bridge.PresenceAway)
					w.eventually("the network is asked", func() bool { return asked.Load() > now+2 })
					now = asked.Load()
					w.net.SetPresence(w.teacher, bridge.PresenceOnline)
					w.eventually("the network is asked", func() bool { return asked.Load() > now+2 })
				}
				_, after := seen.times("")
				return before == after
			})
			w.net.Post(w.teacher, chat, "messages cross")
			w.wantMatrix(room, "Tina Teacher: hello", "Tina Teacher: messages cross")
		})
	}
}

// Of very many people some are watched: first of all those who write.
func TestPresenceOfVeryMany(t *testing.T) {
	t.Parallel()
	const many, most = 700, 300
	w, asked := presenceWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	var crowd []bridge.UserID
	for n := range many {
		crowd = append(crowd, w.net.NewUser(fmt.Sprint("Person ", n)))
	}
	slices.Sort(crowd)
	last := crowd[many-1]
	w.start()
	for _, u := range crowd {
		w.must(w.st.SaveGhost(t.Context(), store.Ghost{School: "gym", Bridge: "fk", User: u, MXID: w.hs.GhostID("fk", u), Name: "Person"}))
	}
	room := w.room(chat)
	seen := &w.hs.presence
	told := func() int {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		return len(seen.told)
	}
	w.eventually("many are told of", func() bool { return told() >= most })
	now := asked.Load()
	w.eventually("the network is asked", func() bool { return asked.Load() > now+5 })
	if got := told(); got != most {
		t.Errorf("%d people are watched, want %d", got, most)
	}
	w.net.SetPresence(last, bridge.PresenceOnline)
	w.net.Post(last, chat, "hello")
	w.eventually("the message", func() bool { return len(w.hs.visible(room)) == 1 })
	w.eventually("who has written is watched", seen.shows(w.hs.GhostID("fk", last), event.PresenceOnline))
}

// A homeserver that hangs at presence does not delay a message.
func TestSlowPresenceDelaysNothing(t *testing.T) {
	t.Parallel()
	w, _ := presenceWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.hs.presence.stuck = true
	w.net.SetPresence(w.teacher, bridge.PresenceOnline)
	w.start()
	room := w.room(chat)
	var want []string
	for n := range 20 {
		w.net.Post(w.teacher, chat, fmt.Sprint(n))
		want = append(want, fmt.Sprint("Tina Teacher: ", n))
	}
	w.wantMatrix(room, want...)
	w.wantSettled()
}
