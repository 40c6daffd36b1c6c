package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

func TestMarkup(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.post(w.Anna, "a **bold** and *slanted* word, `code`, [a link](https://example.org/)\n\n- one\n- two\n\n> quoted")
		got := k.onMatrixThat(func(m harness.MatrixMessage) bool { return strings.Contains(m.Text, "slanted") })
		for _, want := range []string{"<strong>bold</strong>", "<em>slanted</em>", "<code>code</code>", `<a href="https://example.org/"`, "<li>one</li>", "<blockquote>"} {
			if !strings.Contains(got.HTML, want) {
				t.Errorf("no %s in %s", want, got.HTML)
			}
		}
		_, err := w.Carla.SayHTML(soon(t), k.room, "a bold word",
			`a <strong>bold</strong> and <em>slanted</em> word, <code>code</code>, <a href="https://example.org/">a link</a><ul><li>one</li><li>two</li></ul>`)
		check(t, err)
		post := k.onMattermostThat(func(p harness.MattermostPost) bool { return strings.Contains(p.Message, "slanted") })
		for _, want := range []string{"**bold**", "`code`", "[a link](https://example.org/)", "one\n"} {
			if !strings.Contains(post.Message, want) {
				t.Errorf("no %s in %s", want, post.Message)
			}
		}
		// What only looks like markup stays text.
		k.say(w.Dario, "2*3*4 and snake_case_name and # no heading")
		post = k.onMattermostThat(func(p harness.MattermostPost) bool { return strings.Contains(p.Message, "heading") })
		if plain := strings.NewReplacer(`\`, "", "\u200b", "").Replace(post.Message); plain != "2*3*4 and snake_case_name and # no heading" {
			t.Errorf("got %q", post.Message)
		}
	})
}

// TestEmotes says /me on both sides. Any other command from Matrix is a text.
func TestEmotes(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		check(t, w.Anna.Call(soon(t), http.MethodPost, "/commands/execute", map[string]string{"channel_id": k.channel.ID, "command": "/me waves *hard*"}, nil))
		got := k.onMatrixThat(func(m harness.MatrixMessage) bool { return strings.Contains(m.Text, "waves") })
		if got.Kind != event.MsgEmote || got.Text != "waves *hard*" || got.Sender != w.Ghost(w.Anna) {
			t.Errorf("%s %q by %s", got.Kind, got.Text, got.Sender)
		}
		_, err := w.Carla.Send(soon(t), k.room, &event.MessageEventContent{MsgType: event.MsgEmote, Body: "waves back"})
		check(t, err)
		post := k.onMattermostThat(func(p harness.MattermostPost) bool { return strings.Contains(p.Message, "waves back") })
		if post.Type != "me" || post.Message != "_waves back_" || post.Props["override_username"] != w.Carla.Name {
			t.Errorf("a post of type %q: %q", post.Type, post.Message)
		}
		for _, text := range []string{"/shrug no command", "/away", "/leave"} {
			k.say(w.Carla, text)
			k.onMattermost(text)
		}
	})
}

// TestMarkupBombs sends what makes careless converters slow or deep. What counts
// is that the conversation goes on at once.
func TestMarkupBombs(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		for i, bomb := range []string{
			strings.Repeat("<blockquote>", 2500), strings.Repeat("<b><i>", 4000), strings.Repeat("<ul><li>", 2500),
			strings.Repeat("<table><tr><td>", 1500), strings.Repeat("&#x202e;<font color=red>", 1000), strings.Repeat("<", 30000),
		} {
			_, err := w.Carla.SayHTML(soon(t), k.room, fmt.Sprintf("bomb %d", i), fmt.Sprintf("bomb %d %s", i, bomb))
			check(t, err)
		}
		k.say(w.Carla, "still here, from Matrix")
		k.onMattermost("still here, from Matrix")
		for _, bomb := range []string{
			strings.Repeat("> ", 8000), strings.Repeat("*_", 8000), strings.Repeat("[", 16000), strings.Repeat("![](", 4000),
			strings.Repeat("`", 16000), strings.Repeat("- \n", 5000), strings.Repeat("|a", 8000), strings.Repeat("~~~\n", 4000),
		} {
			k.post(w.Anna, bomb)
		}
		k.post(w.Anna, "still here, from Mattermost")
		k.onMatrix("still here, from Mattermost")
		k.settle()
	})
}

// TestMentions shows that nobody on Matrix can ring a whole channel, and that a
// person who is meant is reached.
func TestMentions(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.post(w.Beat, "hello") // so that Beat has a ghost that can be mentioned
		k.onMatrix("hello")
		// Being added to the channel counts as a mention.
		before := map[*world.Teacher]int{w.Anna: mentions(t, w, k, w.Anna), w.Beat: mentions(t, w, k, w.Beat)}
		k.say(w.Carla, "@all @channel @here "+"@"+w.Anna.MattermostPerson.Name+" wake up")
		_, err := w.Carla.SayHTML(soon(t), k.room, "@room @all wake up again", "<b>@all</b> @<i></i>channel wake up again")
		check(t, err)
		k.onMattermostThat(func(p harness.MattermostPost) bool { return strings.Contains(p.Message, "wake up again") })
		for _, who := range []*world.Teacher{w.Anna, w.Beat} {
			if n := mentions(t, w, k, who) - before[who]; n != 0 {
				t.Errorf("%s was mentioned %d times", who.Name, n)
			}
		}

		ghost := w.Ghost(w.Beat)
		_, err = w.Carla.Send(soon(t), k.room, &event.MessageEventContent{
			MsgType: event.MsgText, Body: "Beat Bernet: please call", Format: event.FormatHTML,
			FormattedBody: fmt.Sprintf(`<a href="https://matrix.to/#/%s">Beat Bernet</a>: please call`, ghost),
			Mentions:      &event.Mentions{UserIDs: []id.UserID{ghost}},
		})
		check(t, err)
		post := k.onMattermostThat(func(p harness.MattermostPost) bool { return strings.Contains(p.Message, "please call") })
		if want := "@" + w.Beat.MattermostPerson.Name; !strings.Contains(post.Message, want) {
			t.Errorf("no %s in %q", want, post.Message)
		}
		check(t, world.Until(soon(t), "Beat's mention", func(context.Context) error {
			if n := mentions(t, w, k, w.Beat) - before[w.Beat]; n != 1 {
				return fmt.Errorf("mentioned %d times", n)
			}
			return nil
		}))

		// And the other way.
		k.post(w.Anna, "@"+w.Beat.MattermostPerson.Name+" look here")
		pill := k.onMatrixThat(func(m harness.MatrixMessage) bool { return strings.Contains(m.Text, "look here") })
		if m := pill.Event.Content.AsMessage().Mentions; m == nil || len(m.UserIDs) != 1 || m.UserIDs[0] != ghost {
			t.Errorf("mentions %+v, want %s", m, ghost)
		}
		if want := fmt.Sprintf(`<a href="%s">@Beat Bernet</a>`, ghost.URI().MatrixToURL()); !strings.Contains(pill.HTML, want) {
			t.Errorf("no %s in %q", want, pill.HTML)
		}
		k.post(w.Anna, "@all @room everybody here?")
		got := k.onMatrixThat(func(m harness.MatrixMessage) bool { return strings.Contains(m.Text, "everybody here?") })
		if m := got.Event.Content.AsMessage().Mentions; m == nil || m.Room || len(m.UserIDs) > 0 {
			t.Errorf("mentions %+v, want none, explicitly", m)
		}
	})
}

// mentions is the number on the red badge that somebody's app shows.
func mentions(t *testing.T, w *world.World, k *talk, who *world.Teacher) int {
	t.Helper()
	var member struct {
		Mentions int `json:"mention_count"`
	}
	check(t, w.Mattermost.Admin.Call(soon(t), http.MethodGet, "/channels/"+k.channel.ID+"/members/"+who.ID, nil, &member))
	return member.Mentions
}
