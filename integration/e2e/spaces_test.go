package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// team is a team beside the world's own, with its space.
type team struct {
	t     *testing.T
	w     *world.World
	id    string
	name  string
	space id.RoomID
}

// newTeam makes a team that nobody may join by themselves, with the teachers and
// Steg's bot in it.
func newTeam(t *testing.T, w *world.World) *team {
	t.Helper()
	k := &team{t: t, w: w, name: strings.ToLower(w.Team[:min(len(w.Team), 20)] + "-" + channelName(t)[:8])}
	var made struct{ ID string }
	check(t, w.Mattermost.Admin.Call(soon(t), http.MethodPost, "/teams",
		map[string]any{"name": k.name, "display_name": "Closed", "type": "I"}, &made))
	k.id = made.ID
	for _, user := range []string{w.Bot.ID, w.Anna.ID, w.Beat.ID} {
		check(t, w.Mattermost.AddToTeam(soon(t), k.id, user))
	}
	return k
}

// channel makes a channel of the team and links it.
func (k *team) channel(name string, private bool, args ...string) *talk {
	k.t.Helper()
	channel, err := k.w.Mattermost.EnsureChannel(soon(k.t), k.id, name, private)
	check(k.t, err)
	for _, user := range []string{k.w.Bot.ID, k.w.Anna.ID, k.w.Beat.ID} {
		check(k.t, k.w.Mattermost.AddToChannel(soon(k.t), channel, user))
	}
	ref := k.name + "/" + name
	_, err = k.w.Gateway.Do(soon(k.t), "link", append([]string{"mm", ref, "--mode", "both"}, args...)...)
	check(k.t, err)
	talk := &talk{t: k.t, w: k.w, channel: world.Channel{ID: channel, Ref: ref, Private: private}}
	talk.room, err = k.w.Gateway.Room(soon(k.t), ref)
	check(k.t, err)
	return talk
}

// patch changes the team.
func (k *team) patch(change map[string]any) {
	k.t.Helper()
	check(k.t, k.w.Mattermost.Admin.Call(soon(k.t), http.MethodPut, "/teams/"+k.id+"/patch", change, nil))
}

// spaceOf finds the space of a team.
func spaceOf(t *testing.T, w *world.World, team string) (space id.RoomID) {
	t.Helper()
	alias := id.NewRoomAlias("_steg_mm_"+team+"+"+w.Team, w.Homeserver.ServerName)
	check(t, world.Until(soon(t), "the space of "+team, func(ctx context.Context) error {
		found, err := w.Admin.ResolveAlias(ctx, alias)
		if err == nil {
			space = found.RoomID
		}
		return err
	}))
	return space
}

// shows waits until a space shows these rooms to somebody, and not those.
func shows(t *testing.T, who *world.Pupil, space id.RoomID, these, not []id.RoomID) {
	t.Helper()
	check(t, world.Until(soon(t), "the right rooms in the space", func(ctx context.Context) error {
		answer, err := who.Hierarchy(ctx, space, &mautrix.ReqHierarchy{})
		if err != nil {
			return err
		}
		var got []id.RoomID
		for _, r := range answer.Rooms {
			for _, child := range r.ChildrenState {
				got = append(got, id.RoomID(*child.StateKey))
			}
		}
		for _, r := range these {
			if !slices.Contains(got, r) {
				return fmt.Errorf("%s is not shown", r)
			}
		}
		for _, r := range not {
			if slices.Contains(got, r) {
				return fmt.Errorf("%s is shown", r)
			}
		}
		return nil
	}))
}

// TestClosedTeam shows that of a team that not everybody may join, only those join a
// room whom an admin has invited into its space.
func TestClosedTeam(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := newTeam(t, w)
		open := k.channel("open", false)
		secret := k.channel("secret", true, "--member", w.Carla.UserID.String())
		k.space = spaceOf(t, w, k.name)

		// The room was never open to all.
		for _, door := range []string{open.room.String(), "#_steg_mm_" + k.name + ".open:" + w.Homeserver.ServerName, k.space.String()} {
			if _, err := w.Carla.Join(soon(t), door); err == nil {
				t.Errorf("a pupil who was not let in joins %s", door)
			}
		}
		_, err := w.Admin.AcceptInvite(soon(t), k.space)
		check(t, err)
		_, err = w.Admin.InviteUser(soon(t), k.space, &mautrix.ReqInviteUser{UserID: w.Carla.UserID})
		check(t, err)
		_, err = w.Carla.AcceptInvite(soon(t), k.space)
		check(t, err)
		open.join(w.Carla)
		open.say(w.Carla, "now I am in")
		open.onMattermost("now I am in")
		open.post(w.Anna, "welcome to the team")
		open.onMatrix("welcome to the team")
		shows(t, w.Carla, k.space, []id.RoomID{open.room}, []id.RoomID{secret.room})
		if _, err := w.Dario.Join(soon(t), open.room.String()); err == nil {
			t.Error("another pupil joins")
		}

		k.patch(map[string]any{"display_name": "Renamed"})
		check(t, world.Until(soon(t), "the space's new name", func(ctx context.Context) error {
			var name event.RoomNameEventContent
			if err := w.Carla.StateEvent(ctx, k.space, event.StateRoomName, "", &name); err != nil || name.Name != "Renamed" {
				return fmt.Errorf("it is %q, error %w", name.Name, err)
			}
			return nil
		}))

		// Private, and open again.
		private := map[string]string{"privacy": "P"}
		check(t, w.Mattermost.Admin.Call(soon(t), http.MethodPut, "/channels/"+open.channel.ID+"/privacy", private, nil))
		shows(t, w.Carla, k.space, nil, []id.RoomID{open.room, secret.room})
		check(t, w.Mattermost.Admin.Call(soon(t), http.MethodPut, "/channels/"+open.channel.ID+"/privacy", map[string]string{"privacy": "O"}, nil))
		shows(t, w.Carla, k.space, []id.RoomID{open.room}, []id.RoomID{secret.room})

		// A team that everybody may join has rooms that everybody may join.
		k.patch(map[string]any{"allow_open_invite": true})
		check(t, world.Until(soon(t), "an open door", func(ctx context.Context) error {
			_, err := w.Dario.Join(ctx, open.room.String())
			return err
		}))
		open.post(w.Beat, "hello everybody")
		open.onMatrix("hello everybody")
	})
}

// TestArchivedTeam shows that the channels of an archived team rest, with a reason,
// and that nothing of the meantime is lost when it is back.
func TestArchivedTeam(t *testing.T) {
	t.Parallel()
	core(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{Homeserver: kind, Mattermost: worlds.Mattermost(t), Database: database(kind)})
		k := newTeam(t, w)
		k.patch(map[string]any{"allow_open_invite": true})
		talk := k.channel("open", false)
		check(t, world.Until(soon(t), "an open door", func(ctx context.Context) error {
			_, err := w.Carla.Join(ctx, talk.room.String())
			return err
		}))
		k.space = spaceOf(t, w, k.name)
		_, err := w.Carla.Join(soon(t), k.space.String())
		check(t, err)
		shows(t, w.Carla, k.space, []id.RoomID{talk.room}, nil)
		for _, away := range []bool{false, true} {
			during := func(act func()) { // with Steg, or without
				if away {
					check(t, w.Gateway.Stop(soon(t)))
				}
				act()
				if away {
					check(t, w.Gateway.Start(soon(t)))
				}
			}
			during(func() { check(t, w.Mattermost.Admin.Call(soon(t), http.MethodDelete, "/teams/"+k.id, nil, nil)) })
			check(t, world.Until(soon(t), "the reason in status", func(ctx context.Context) error {
				portal, err := w.Gateway.Portal(ctx, talk.channel.Ref)
				if err == nil && !strings.Contains(portal.Paused, "the team was archived") {
					err = fmt.Errorf("paused: %q", portal.Paused)
				}
				return err
			}))
			shows(t, w.Carla, k.space, nil, []id.RoomID{talk.room})
			said := fmt.Sprintf("while it rests, away %v", away)
			talk.say(w.Carla, said)
			during(func() {
				check(t, w.Mattermost.Admin.Call(soon(t), http.MethodPost, "/teams/"+k.id+"/restore", nil, nil))
			})
			talk.onMattermost(said)
			talk.post(w.Anna, fmt.Sprintf("back again, away %v", away))
			talk.onMatrix(fmt.Sprintf("back again, away %v", away))
			shows(t, w.Carla, k.space, []id.RoomID{talk.room}, nil)
		}
		talk.agree()
	})
}

// TestPatternFillsTheSpace shows that a channel that is made later appears in the
// space of its team.
func TestPatternFillsTheSpace(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		channel, err := w.NewChannel(soon(t), "channel-later", false)
		check(t, err)
		check(t, world.Until(soon(t), "the new channel to be followed", func(ctx context.Context) error {
			portal, err := w.Gateway.Portal(ctx, channel.Ref)
			if err == nil && !portal.Follows {
				err = errors.New("not yet")
			}
			return err
		}))
		_, err = w.Anna.Post(soon(t), channel.ID, "first post")
		check(t, err)
		room, err := w.Gateway.Room(soon(t), channel.Ref)
		check(t, err)
		space := spaceOf(t, w, w.Team)
		_, err = w.Dario.Join(soon(t), space.String())
		check(t, err)
		shows(t, w.Dario, space, []id.RoomID{room}, nil)
		_, err = w.Dario.Join(soon(t), room.String())
		check(t, err)
		_, err = w.Dario.WaitFor(soon(t), room, func(m harness.MatrixMessage) bool { return m.Text == "first post" })
		check(t, err)
	})
}
