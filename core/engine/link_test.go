package engine_test

import (
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/store"
)

// A mention of a chat leads to its room only where people may know that room.
func TestLinksToChats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hs.mu.Lock()
	linked := w.hs.newRoom("linked")
	w.hs.mu.Unlock()
	specs := map[string]engine.PortalSpec{}
	for _, ref := range []string{"gym/market", "gym/here", "gym/staff", "gym/off", "gym/linked"} {
		specs[ref] = both(ref)
	}
	off, with := specs["gym/off"], specs["gym/linked"]
	off.Mode, with.Room = store.ModeOff, string(linked)
	specs["gym/off"], specs["gym/linked"] = off, with
	var here bridge.ChatID
	text := "see"
	for ref, spec := range specs {
		w.school.Portals = append(w.school.Portals, spec)
		chat := w.net.NewChat(ref, ref == "gym/staff")
		w.net.Admit(chat, "bot")
		text += " <#" + strings.ReplaceAll(ref, "/", "-") + ">"
		if ref == "gym/here" {
			here = chat
		}
	}
	text += " <#gym-unknown>"
	w.start()
	w.eventually("all portals", func() bool {
		all, err := w.st.Portals(t.Context())
		w.must(err)
		return len(all) == len(specs)
	})
	room := w.room(here)
	w.net.Post(w.teacher, here, text)
	formatted := w.content(room, "see").FormattedBody
	for ref := range specs {
		slug := strings.ReplaceAll(ref, "/", "-")
		link := `<a href="https://matrix.to/#/%23_steg_fk_` + slug + `:school.example">#` + slug + `</a>`
		want := ref == "gym/market" || ref == "gym/here"
		if strings.Contains(formatted, link) != want || !strings.Contains(formatted, "#"+slug) {
			t.Errorf("%s: want a link: %v, in %s", ref, want, formatted)
		}
	}
	if strings.Contains(formatted, "steg:") {
		t.Errorf("an address is left over: %s", formatted)
	}
	w.net.Edit(w.teacher, here, w.net.Messages(here)[0].ID, "instead <#gym-market>")
	if c := w.content(room, "instead"); strings.Contains(c.FormattedBody, "steg:") || strings.Contains(c.NewContent.FormattedBody, "steg:") || !strings.Contains(c.NewContent.FormattedBody, "matrix.to") {
		t.Errorf("the edit: %q, %q", c.FormattedBody, c.NewContent.FormattedBody)
	}
}

// A mention of somebody who has a ghost leads to it, and others stay words.
func TestLinksToPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	other, absent := w.net.NewUser("Otto & Other"), w.net.NewUser("Absent")
	w.start()
	room := w.room(chat)
	w.net.Post(other, chat, "has a ghost now")
	w.content(room, "has a ghost")
	w.net.Post(w.teacher, chat, "call <@"+string(other)+"> and <@"+string(absent)+">")
	c := w.content(room, "call")
	ghost := w.hs.GhostID("fk", other)
	want := `call <a href="` + ghost.URI().MatrixToURL() + `">@Otto &amp; Other</a> and @Absent`
	if c.FormattedBody != want || len(c.Mentions.UserIDs) != 1 || c.Mentions.UserIDs[0] != ghost {
		t.Errorf("%s, mentions %v\nwant %s", c.FormattedBody, c.Mentions.UserIDs, want)
	}
	// And back: the pill of a ghost is the person.
	w.hs.setMember(room, pupil, "join")
	w.hs.say(room, pupil, "call", map[string]any{
		"format": "org.matrix.custom.html", "formatted_body": want, "m.mentions": map[string]any{"user_ids": []id.UserID{ghost}},
	})
	w.wantRemote(chat, "Otto & Other: has a ghost now", "Tina Teacher: call <@"+string(other)+"> and <@"+string(absent)+">",
		"Pia Pupil: call <@"+string(other)+"> and @Absent")
}

// A link to the room of a chat is the chat on the network, if people may know of it.
func TestLinksToRooms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"), both("gym/here"), both("gym/staff"))
	market, here, staff := w.net.NewChat("gym/market", false), w.net.NewChat("gym/here", false), w.net.NewChat("gym/staff", true)
	w.net.Admit(staff, "bot")
	w.start()
	room := w.room(here)
	w.hs.setMember(room, pupil, "join")
	text := ""
	for _, to := range []string{"%23_steg_fk_gym-market:school.example", string(w.room(market)), string(w.room(staff)), "%23_steg_fk_gym-staff:school.example", "%23other:school.example"} {
		text += `<a href="https://matrix.to/#/` + to + `">words</a> `
	}
	w.hs.say(room, pupil, "words", map[string]any{"format": "org.matrix.custom.html", "formatted_body": text})
	w.wantRemote(here, "Pia Pupil: <#gym-market> <#gym-market> words words words")
}

// What links make too large for an event crosses without markup.
func TestManyLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	long := w.net.NewUser("Somebody " + strings.Repeat("with a long name ", 2))
	w.net.Post(long, chat, "has a ghost now")
	w.content(room, "has a ghost")
	many := w.net.Post(w.teacher, chat, "many "+strings.Repeat("<@"+string(long)+"> ", 600))
	if c := w.content(room, "many"); c.FormattedBody != "" || c.Format != "" || len(c.Mentions.UserIDs) != 1 {
		t.Errorf("%d bytes of formatted body, mentions %v", len(c.FormattedBody), c.Mentions.UserIDs)
	}
	// An edit holds its text twice, and alerts nobody.
	w.net.Edit(w.teacher, chat, many, "some "+strings.Repeat("<@"+string(long)+"> ", 200))
	c := w.content(room, "some")
	if n := len(c.NewContent.FormattedBody); c.FormattedBody != "" || n < maxFallback || len(c.Mentions.UserIDs) > 0 {
		t.Errorf("%d and %d bytes of formatted body, mentions %v", len(c.FormattedBody), n, c.Mentions.UserIDs)
	}
}

const maxFallback = 10_000

// Nor does an edited caption, which is of another kind.
func TestEditedCaptionAlertsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	cat := w.net.PostFiles(w.teacher, chat, "my cat", bridgefake.File{Name: "cat.png", Type: "image/png", Data: []byte(png)})
	w.content(room, "my cat")
	w.net.Edit(w.teacher, chat, cat, "your cat, <@"+string(w.teacher)+">")
	c := w.content(room, "your cat")
	if len(c.Mentions.UserIDs) > 0 || c.MsgType != event.MsgImage || !strings.Contains(c.NewContent.FormattedBody, "matrix.to") {
		t.Errorf("%s, mentions %v, now %q", c.MsgType, c.Mentions.UserIDs, c.NewContent.FormattedBody)
	}
}
