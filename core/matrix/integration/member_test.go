package integration_test

import (
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
)

// TestMemberships shows that real homeservers tell who has left a room by himself
// from whom a moderator has removed or banned.
func TestMemberships(t *testing.T) {
	t.Parallel()
	for name, synapse := range homeservers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, synapse)
			room := must(w.CreateRoom(t.Context(), intent.Room{
				AliasLocal: "members", Name: "members", Levels: intent.Levels{Admins: []id.UserID{w.anna.UserID}},
			}))(t)
			must(w.anna.Join(t.Context(), string(room)))(t)
			inside, left := w.GhostID("mm", "inside"), w.GhostID("mm", "left")
			kicked, banned := w.GhostID("mm", "kicked"), w.GhostID("mm", "banned")
			for _, ghost := range []id.UserID{inside, left, kicked, banned} {
				check(t, w.EnsureJoined(t.Context(), room, ghost))
			}
			check(t, w.Leave(t.Context(), room, left))
			must(w.anna.KickUser(t.Context(), room, &mautrix.ReqKickUser{UserID: kicked}))(t)
			must(w.anna.BanUser(t.Context(), room, &mautrix.ReqBanUser{UserID: banned}))(t)
			want := map[id.UserID]intent.Member{
				inside: {Membership: "join", By: inside}, left: {Membership: "leave", By: left},
				kicked: {Membership: "leave", By: w.anna.UserID}, banned: {Membership: "ban", By: w.anna.UserID},
			}
			// Dendrite shows it a moment later.
			deadline := time.After(time.Minute)
			for tick := time.NewTicker(50 * time.Millisecond); ; {
				all := must(w.Memberships(t.Context(), room))(t)
				right := 0
				for _, m := range all {
					if want[m.User] == (intent.Member{Membership: m.Membership, By: m.By}) {
						right++
					}
				}
				if right == len(want) {
					tick.Stop()
					break
				}
				select {
				case <-tick.C:
				case <-deadline:
					t.Fatalf("members: %+v, want %+v", all, want)
				}
			}
			if rooms := must(w.Rooms(t.Context(), inside))(t); !slices.Equal(rooms, []id.RoomID{room}) {
				t.Errorf("rooms of a ghost: %v", rooms)
			}
		})
	}
}
