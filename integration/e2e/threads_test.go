package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

func TestThreads(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.threads()
		k.agree()
	})
}

// TestCollapsedThreads shows that threads cross the same however the server shows
// them, below the messages of a channel or beside them.
func TestCollapsedThreads(t *testing.T) {
	t.Parallel()
	full(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{Homeserver: kind, Database: database(kind)}) // with a Mattermost of its own
		for _, setting := range []string{"always_on", "default_off", "disabled"} {
			change := map[string]any{"ServiceSettings": map[string]string{"CollapsedThreads": setting}}
			check(t, w.Mattermost.Admin.Call(soon(t), http.MethodPut, "/config/patch", change, nil))
			var shown map[string]string
			check(t, w.Anna.Call(soon(t), http.MethodGet, "/config/client?format=old", nil, &shown))
			if shown["CollapsedThreads"] != setting {
				t.Fatalf("the server's threads are %q, want %q", shown["CollapsedThreads"], setting)
			}
			k := openAs(t, w, strings.ReplaceAll("threads-"+setting, "_", "-"), "both")
			k.threads()
			k.agree()
			k.fileThreads()
		}
	})
}

// threads writes threads on both sides, and into each other's.
func (k *talk) threads() {
	t, w := k.t, k.w
	t.Helper()
	fromTeacher := k.post(w.Anna, "a teacher's question")
	onMatrix := k.onMatrix("a teacher's question")
	fromPupil := k.say(w.Carla, "a pupil's question")
	onMattermost := k.onMattermost("a pupil's question")

	k.reply(w.Beat, fromTeacher, "teacher to teacher")
	if got := k.onMatrix("teacher to teacher"); got.Thread != onMatrix.ID {
		t.Errorf("thread %q, want %q", got.Thread, onMatrix.ID)
	}
	k.answer(w.Dario, onMatrix.ID, "pupil to teacher")
	if got := k.onMattermost("pupil to teacher"); got.RootID != fromTeacher {
		t.Errorf("root %q, want %q", got.RootID, fromTeacher)
	}
	k.reply(w.Anna, onMattermost.ID, "teacher to pupil")
	if got := k.onMatrix("teacher to pupil"); got.Thread != fromPupil {
		t.Errorf("thread %q, want %q", got.Thread, fromPupil)
	}
	// A reply to a reply stays in its thread, which is flat on Mattermost.
	k.answer(w.Carla, k.onMatrix("teacher to pupil").ID, "pupil to pupil")
	if got := k.onMattermost("pupil to pupil"); got.RootID != onMattermost.ID {
		t.Errorf("root %q, want %q", got.RootID, onMattermost.ID)
	}
	k.inThread(w.Dario, onMatrix.ID, "in the thread")
	if got := k.onMattermost("in the thread"); got.RootID != fromTeacher {
		t.Errorf("root %q, want %q", got.RootID, fromTeacher)
	}
}

// fileThreads answers files on both sides.
func (k *talk) fileThreads() {
	t, w := k.t, k.w
	t.Helper()
	post, err := w.Anna.SendFile(soon(t), k.channel.ID, "", "plan.txt", []byte("Monday: swimming"))
	check(t, err)
	file := k.onMatrixThat(func(m harness.MatrixMessage) bool { return m.Kind == event.MsgFile && m.Text == "plan.txt" })
	k.answer(w.Carla, file.ID, "about the plan")
	if got := k.onMattermost("about the plan"); got.RootID != post {
		t.Errorf("the answer to a file has the root %q, want %q", got.RootID, post)
	}
	k.reply(w.Beat, post, "the plan again")
	if got := k.onMatrix("the plan again"); got.Thread != file.ID {
		t.Errorf("the answer to a file is in the thread %q, want %q", got.Thread, file.ID)
	}
	sent, err := w.Dario.SendFile(soon(t), k.room, event.MsgFile, "notes.txt", "text/plain", []byte("my notes"))
	check(t, err)
	notes := k.onMattermostThat(func(p harness.MattermostPost) bool { return len(p.FileIDs) == 1 && p.UserID == w.Bot.ID })
	k.reply(w.Beat, notes.ID, "about the notes")
	if got := k.onMatrix("about the notes"); got.Thread != sent {
		t.Errorf("the answer to a pupil's file is in the thread %q, want %q", got.Thread, sent)
	}
}

// TestAnswerToTheTimeBefore shows that what answers something that never crossed
// carries a quote of it.
func TestAnswerToTheTimeBefore(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		room, err := w.Admin.NewRoom(soon(t), "Older than its link", w.BotID(), w.Carla.UserID)
		check(t, err)
		_, err = w.Carla.AcceptInvite(soon(t), room)
		check(t, err)
		before, err := w.Admin.Say(soon(t), room, "Who brings *cake* @channel?")
		check(t, err)
		k := linkTo(t, w, room)
		k.answer(w.Carla, before, "I do")
		got := k.onMattermostThat(func(p harness.MattermostPost) bool { return strings.HasSuffix(p.Message, "I do") })
		if !strings.HasPrefix(got.Message, "> Who brings ") || strings.Contains(got.Message, "@channel") || got.RootID != "" {
			t.Errorf("the answer is %q, root %q; want a harmless quote before it", got.Message, got.RootID)
		}
	})
}
