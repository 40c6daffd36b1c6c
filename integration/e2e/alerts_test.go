package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// runChannel makes somebody an admin of a channel.
func (k *talk) runChannel(who *world.Teacher) {
	k.t.Helper()
	check(k.t, k.w.Mattermost.Admin.Call(soon(k.t), http.MethodPut, "/channels/"+k.channel.ID+"/members/"+who.ID+"/roles",
		map[string]string{"roles": "channel_user channel_admin"}, nil))
}

// alert writes on Matrix to everybody, as apps do for @room.
func (k *talk) alert(who *world.Pupil, text string) {
	k.t.Helper()
	_, err := who.Send(soon(k.t), k.room, &event.MessageEventContent{
		MsgType: event.MsgText, Body: text, Mentions: &event.Mentions{Room: true},
	})
	check(k.t, err)
}

// level reads somebody's power in the room, and what alerting everybody needs.
func (k *talk) level(who id.UserID) (has, needs int) {
	k.t.Helper()
	var levels event.PowerLevelsEventContent
	check(k.t, k.w.Carla.StateEvent(soon(k.t), k.room, event.StatePowerLevels, "", &levels))
	needs = 50
	if levels.Notifications != nil {
		needs = levels.Notifications.Room()
	}
	return levels.GetUserLevel(who), needs
}

// TestAlertsFromMattermost shows that @channel rings on Matrix when somebody writes
// it who runs the channel, and only then. Clients and homeservers look at the mention
// and at the level of who wrote.
func TestAlertsFromMattermost(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.runChannel(w.Anna)
		for _, test := range []struct {
			who  *world.Teacher
			text string
			want bool
		}{
			{w.Beat, "@channel not from Beat", false},
			{w.Anna, "@channel from Anna", true},
			{w.Anna, "no `@channel` in code", false},
			{w.Anna, "@here once more", true},
		} {
			k.post(test.who, test.text)
			_, word, _ := strings.Cut(test.text, " ")
			got := k.onMatrixThat(func(m harness.MatrixMessage) bool { return strings.HasSuffix(m.Text, word) })
			if m := got.Event.Content.AsMessage().Mentions; m == nil || m.Room != test.want {
				t.Errorf("%q: mentions %+v, want everybody: %v", test.text, m, test.want)
			}
			if test.want && !strings.Contains(got.Text, "@room") {
				t.Errorf("%q became %q", test.text, got.Text)
			}
			has, needs := k.level(w.Ghost(test.who))
			if may := has >= needs; test.who == w.Beat && may || test.want && !may {
				t.Errorf("%q: the ghost of %s has level %d, alerting needs %d", test.text, test.who.Name, has, needs)
			}
		}
	})
}

// TestAlertsFromMatrix shows that @room rings on Mattermost when a moderator of the
// room writes it. The homeserver takes it from anybody.
func TestAlertsFromMatrix(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		_, err := w.Admin.Join(soon(t), k.room.String())
		check(t, err)
		before := mentions(t, w, k, w.Beat)
		k.alert(w.Carla, "@room not from Carla")
		k.say(w.Carla, "done")
		k.onMattermost("done")
		if n := mentions(t, w, k, w.Beat) - before; n != 0 {
			t.Errorf("a pupil alerted the channel: %d mentions", n)
		}
		k.alert(w.Admin, "@room from the admin")
		k.onMattermost("@channel from the admin")
		check(t, world.Until(soon(t), "Beat's mention", func(context.Context) error {
			if n := mentions(t, w, k, w.Beat) - before; n != 1 {
				return fmt.Errorf("mentioned %d times", n)
			}
			return nil
		}))
	})
}

// TestChannelLinks shows that ~channel leads to the channel's room.
func TestChannelLinks(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k, other := open(t, w, "both"), openAs(t, w, channelName(t)+"-other", "both")
		private, err := w.NewChannel(soon(t), channelName(t)+"-staff", true)
		check(t, err)
		_, hidden, _ := strings.Cut(private.Ref, "/")
		_, name, _ := strings.Cut(other.channel.Ref, "/")
		k.post(w.Anna, "see ~"+name+" and ~"+hidden+".")
		got := k.onMatrixThat(func(m harness.MatrixMessage) bool { return strings.HasPrefix(m.Text, "see") })
		links := regexp.MustCompile(`<a href="https://matrix\.to/#/%23([^"]+)">`).FindAllStringSubmatch(got.HTML, -1)
		if len(links) != 1 || strings.Contains(got.HTML, "steg:chat") || !strings.Contains(got.HTML, "~"+hidden) {
			t.Fatalf("%d links in %s", len(links), got.HTML)
		}
		pupil, err := w.NewPupil(soon(t), "lena-link", "Lena Link")
		check(t, err)
		room, err := pupil.Join(soon(t), "#"+links[0][1])
		check(t, err)
		if room != other.room {
			t.Errorf("the link leads to %s, want %s", room, other.room)
		}

		// And back: a link to the room is one to the channel.
		_, err = w.Carla.SayHTML(soon(t), k.room, "look there", fmt.Sprintf(`look <a href="https://matrix.to/#/%%23%s">there</a>`, links[0][1]))
		check(t, err)
		post := k.onMattermostThat(func(p harness.MattermostPost) bool { return strings.HasPrefix(p.Message, "look") })
		if want := "(" + w.Mattermost.URL + "/" + w.Team + "/channels/" + name + ")"; !strings.Contains(post.Message, want) {
			t.Errorf("%q has no link to %s", post.Message, want)
		}
	})
}
