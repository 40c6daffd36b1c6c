package engine_test

import (
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"
)

// Who takes the name of a teacher, or of another pupil, is told apart from them.
func TestNamesakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both("gym/market"))
	chat := w.net.NewChat("gym/market", false)
	w.start()
	room := w.room(chat)
	w.net.Post(w.teacher, chat, "hello")
	w.wantMatrix(room, "Tina Teacher: hello")
	want := []string{"Tina Teacher: hello"}
	say := func(who id.UserID, name, shown string) {
		t.Helper()
		w.hs.mu.Lock()
		w.hs.names[who] = name
		w.hs.mu.Unlock()
		w.hs.setMember(room, who, "join")
		w.hs.say(room, who, "from "+string(who), nil)
		want = append(want, shown+": from "+string(who))
		w.wantRemote(chat, want...)
	}
	say(pupil, "Pia Pupil", "Pia Pupil")
	say("@other:school.example", "TINA\u200b T\u0435acher \U0001f393", "TINA T\u0435acher \U0001f393 (other)")
	say("@other:elsewhere.example", "pia pupil", "pia pupil (@other:elsewhere.example)")
	say(pupil, "Pia Pupil", "Pia Pupil (pupil)") // the two cannot be told apart without
	w.hs.setMember(room, "@other:elsewhere.example", "leave")
	say(pupil, "Pia Pupil", "Pia Pupil")
	say(pupil, "Tina Teacher", "Tina Teacher (pupil)")
	say(pupil, "", "pupil")
	say("@n"+id.UserID(strings.Repeat("x", 200))+":school.example", "Tina Teacher", "Tina Teacher (n"+strings.Repeat("x", 22)+"…)")
	say("@emoji:school.example", "\U0001f393", "\U0001f393")

	// A name that a teacher takes later, and after a restart.
	w.net.RenameUser(w.teacher, "Pia Pupil")
	w.eventually("the ghost's name", func() bool {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		return w.hs.names[w.hs.GhostID("fk", w.teacher)] == "Pia Pupil"
	})
	w.hs.setMember(room, w.hs.GhostID("fk", w.teacher), "join") // as homeservers tell it
	want[0] = "Tina Teacher: hello"
	say(pupil, "Pia Pupil", "Pia Pupil (pupil)")
	w.stop()
	w.start()
	say(pupil, "Pia Pupil", "Pia Pupil (pupil)")
	say("@new:school.example", "Nora New", "Nora New")
}
