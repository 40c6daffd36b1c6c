package e2e_test

import (
	"sync"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// TestAliasMakesTheRoom joins by the alias of a channel that a pattern of the
// configuration names: its room is made at that moment, once.
func TestAliasMakesTheRoom(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		channel := w.Further[0]
		portal, err := w.Gateway.Portal(soon(t), channel.Ref)
		check(t, err)
		if portal.Room != "" {
			t.Fatalf("there is a room already: %s", portal.Room)
		}
		alias := "#_steg_mm_" + w.Team + ".channel-001:" + w.Homeserver.ServerName
		var both sync.WaitGroup
		rooms := make([]id.RoomID, len(w.Pupils()))
		for i, pupil := range w.Pupils() {
			both.Go(func() {
				room, err := pupil.Join(soon(t), alias)
				if err != nil {
					t.Error(err)
				}
				rooms[i] = room
			})
		}
		both.Wait()
		if rooms[0] != rooms[1] {
			t.Fatalf("two rooms: %s", rooms)
		}
		k := &talk{t: t, w: w, channel: channel, room: rooms[0]}
		k.say(w.Carla, "first in the room")
		k.onMattermost("first in the room")
		k.post(w.Anna, "welcome")
		k.onMatrix("welcome")
		if _, err := w.Carla.Join(soon(t), "#_steg_mm_"+w.Team+".nosuch:"+w.Homeserver.ServerName); err == nil {
			t.Error("joined a channel that does not exist")
		}
	})
}

// TestHub joins two channels to one room: what is written in one place appears
// once in the two others.
func TestHub(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		a := open(t, w, "both")
		channel, err := w.NewChannel(soon(t), channelName(t)+"-b", false)
		check(t, err)
		_, err = w.Gateway.Do(soon(t), "link", "mm", channel.Ref, "--room", a.room.String(), "--mode", "both")
		check(t, err)
		b := &talk{t: t, w: w, channel: channel, room: a.room}
		b.linked()

		a.post(w.Anna, "from channel a")
		b.onMattermost("from channel a")
		b.post(w.Beat, "from channel b")
		a.onMattermost("from channel b")
		a.say(w.Carla, "from the room")
		a.onMattermost("from the room")
		inB := b.onMattermost("from the room")
		b.reply(w.Beat, inB.ID, "a reply from channel b")
		if got := a.onMattermost("a reply from channel b"); got.RootID != a.onMattermost("from the room").ID {
			t.Error("the reply is not in its thread in the other channel")
		}
		edited := a.post(w.Anna, "with an eror")
		b.onMattermost("with an eror")
		check(t, w.Anna.Edit(soon(t), edited, "without an error"))
		b.onMattermost("without an error")
		gone := a.post(w.Anna, "to be deleted")
		b.onMattermost("to be deleted")
		check(t, w.Anna.Delete(soon(t), gone))
		a.agree()
		b.agree()
		a.settle()
		b.settle()
		// Nothing goes round: still the same after everything has settled.
		a.agree()
		b.agree()
		got := b.onMattermost("from channel a")
		if got.Props["override_username"] != w.Anna.Name {
			t.Errorf("in the other channel it is by %v", got.Props["override_username"])
		}
		if sender := a.onMatrixThat(func(m harness.MatrixMessage) bool { return m.Text == "from channel b" }).Sender; sender != w.Ghost(w.Beat) {
			t.Errorf("in the room it is by %s", sender)
		}
	})
}
