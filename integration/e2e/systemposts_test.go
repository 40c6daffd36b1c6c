package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/integration/world"
)

// TestSystemPosts shows that what the server itself says into a channel becomes the
// room's state and members, and no message; only what people say is one.
func TestSystemPosts(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		for field, value := range map[string]string{"header": "About class 3a", "purpose": "What it is for", "display_name": "Class 3a"} {
			check(t, w.Mattermost.Admin.Call(soon(t), http.MethodPut, "/channels/"+k.channel.ID+"/patch", map[string]string{field: value}, nil))
		}
		check(t, w.Mattermost.RemoveFromChannel(soon(t), k.channel.ID, w.Beat.ID))
		check(t, w.Mattermost.AddToChannel(soon(t), k.channel.ID, w.Beat.ID))
		command := map[string]string{"channel_id": k.channel.ID, "command": "/me waves"}
		check(t, w.Anna.Call(soon(t), http.MethodPost, "/commands/execute", command, nil))
		k.post(w.Anna, "the end")
		k.onMatrix("the end")
		check(t, world.Until(soon(t), "the channel's name and header", func(ctx context.Context) error {
			var name event.RoomNameEventContent
			var topic event.TopicEventContent
			if err := w.Carla.StateEvent(ctx, k.room, event.StateRoomName, "", &name); err != nil {
				return err
			}
			if err := w.Carla.StateEvent(ctx, k.room, event.StateTopic, "", &topic); err != nil {
				return err
			}
			if name.Name != "Class 3a" || topic.Topic != "About class 3a" {
				return fmt.Errorf("name %q, topic %q", name.Name, topic.Topic)
			}
			return nil
		}))
		k.settle()
		messages, err := w.Carla.ReadAll(soon(t), k.room)
		check(t, err)
		var got []string
		for _, m := range messages {
			got = append(got, string(m.Kind)+" "+m.Text)
		}
		if want := []string{"m.emote waves", "m.text the end"}; !slices.Equal(got, want) {
			t.Errorf("the room shows %q, want %q", got, want)
		}
	})
}

// TestDefaultChannel joins the channel that everybody of a team is in to a room: who
// comes to the team comes into the room, and who leaves it leaves, without a word.
func TestDefaultChannel(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		ref := w.Team + "/town-square"
		_, err := w.Gateway.Do(soon(t), "link", "mm", ref, "--mode", "both")
		check(t, err)
		var channel struct{ ID string }
		check(t, w.Mattermost.Admin.Call(soon(t), http.MethodGet, "/teams/"+w.TeamID+"/channels/name/town-square", nil, &channel))
		k := &talk{t: t, w: w, channel: world.Channel{ID: channel.ID, Ref: ref}}
		k.room, err = w.Gateway.Room(soon(t), ref)
		check(t, err)
		k.linked()
		k.join(w.Carla)
		tessa, err := w.Hire(soon(t), "tessa", "Tessa", "Tobler")
		check(t, err)
		inside := func(want bool) {
			t.Helper()
			check(t, world.Until(soon(t), fmt.Sprintf("the new teacher in the room: %v", want), func(ctx context.Context) error {
				members, err := w.Carla.Members(ctx, k.room)
				if _, in := members[w.Ghost(tessa)]; err == nil && in != want {
					err = fmt.Errorf("in the room: %v", in)
				}
				return err
			}))
		}
		inside(true)
		k.post(tessa, "hello, I am new")
		k.onMatrix("hello, I am new")
		check(t, w.Mattermost.Admin.Call(soon(t), http.MethodDelete, "/teams/"+w.TeamID+"/members/"+tessa.ID, nil, nil))
		inside(false)
		k.say(w.Carla, "farewell")
		k.onMattermost("farewell")
		messages, err := w.Carla.ReadAll(soon(t), k.room)
		check(t, err)
		var got []string
		for _, m := range messages {
			got = append(got, m.Text)
		}
		if want := []string{"hello, I am new", "farewell"}; !slices.Equal(got, want) {
			t.Errorf("the room shows %q, want %q", got, want)
		}
	})
}
