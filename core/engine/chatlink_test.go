package engine_test

import (
	"strings"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/store"
)

// A mention of a chat leads to its room only where people may know that room.
func TestChatLinks(t *testing.T) {
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
