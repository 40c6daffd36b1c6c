package engine_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/store"
)

// invite lets somebody invite the bot.
func (f *fakeMatrix) invite(who id.UserID, direct bool) id.RoomID {
	f.mu.Lock()
	defer f.mu.Unlock()
	room := f.newRoom("invited")
	f.rooms[room].members = map[id.UserID]intent.Member{who: memberOf(who), f.Bot(): {User: f.Bot(), Membership: "invite"}}
	f.lastID++
	content := map[string]any{"membership": "invite", "is_direct": direct}
	f.push(room, who, event.StateMember.Type, "", content, id.EventID("$invite"+string(room)))
	last := &f.pushback[len(f.pushback)-1]
	bot := string(f.Bot())
	last.StateKey = &bot
	var raw map[string]any
	_ = json.Unmarshal(last.Raw, &raw)
	raw["state_key"] = bot
	last.Raw, _ = json.Marshal(raw) //nolint:errchkjson // test data
	return room
}

func TestWhoMayInviteTheBot(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		who             id.UserID
		direct, puppets bool
		want            string
	}{
		"a pupil, to link":          {pupil, true, true, "join"},
		"a pupil, into any room":    {pupil, false, true, ""},
		"from another server":       {"@a:elsewhere.example", true, true, ""},
		"a pupil, nothing to link":  {pupil, true, false, ""},
		"an admin, nothing to link": {admin, false, false, "join"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.hs.puppets = test.puppets
			w.start()
			room := w.hs.invite(test.who, test.direct)
			w.eventually("an answer to the invitation", func() bool {
				w.hs.mu.Lock()
				defer w.hs.mu.Unlock()
				return w.hs.rooms[room].members[w.hs.Bot()].Membership == test.want
			})
		})
	}
}

// TestWhoIsTold: administrators hear of what waits for them, people of what was
// decided, each once, also across a restart.
func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	w := newPairWorld(t)
	w.start()
	office, home := w.ask(admin, "hello"), w.ask(tina, "hello")
	i := store.Identity{School: "gym", Bridge: "fk", User: w.teacher, MXID: tina, State: store.IdentityAsked, By: string(tina)}
	w.must(w.st.AddIdentity(t.Context(), &i))
	said := func(room id.RoomID) int { return len(w.hs.visible(room)) }
	set := func(state store.IdentityState) {
		w.must(w.st.ChangeIdentity(t.Context(), i.ID, func(i *store.Identity) error { i.State, i.By = state, string(admin); return nil }))
	}
	before, atHome := said(office), said(home)
	set(store.IdentityProven)
	w.eventually("the administrator is told", func() bool { return said(office) == before+1 })
	set(store.IdentityApproved)
	w.eventually("the person is told", func() bool { return said(home) == atHome+1 })
	set(store.IdentityEnded)
	w.eventually("the person is told of the end", func() bool { return said(home) == atHome+2 })
	w.wantSettled()
	w.stop()
	w.start()
	w.ask(pupil, "hello")
	w.wantSettled()
	if said(office) != before+1 || said(home) != atHome+2 {
		t.Errorf("told again:\n%v\n%v", w.hs.visible(office), w.hs.visible(home))
	}
	for _, line := range slices.Concat(w.hs.visible(office), w.hs.visible(home)) {
		if strings.Contains(line, "%!") || strings.Contains(line, "Tina Teacher") {
			t.Errorf("said: %s", line)
		}
	}
}
