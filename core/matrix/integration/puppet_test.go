package integration_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/integration/harness"
)

// TestPuppets acts as people's own accounts, with the second registration.
func TestPuppets(t *testing.T) {
	t.Parallel()
	for name, synapse := range homeservers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, synapse)
			w.opts.PuppetToken = w.puppets
			w.Service = w.service(t, func(*matrix.Options) {})
			t.Run("checks", w.puppetChecks)
			t.Run("sends", w.puppetSends)
			t.Run("copies", w.puppetCopies)
			t.Run("refusals", w.puppetRefusals)
			t.Run("pushes", w.puppetPushes)
			t.Run("closedAccount", w.puppetClosed)
		})
	}
}

func (w *world) puppetChecks(t *testing.T) {
	found := w.Check(t.Context())
	if !allOK(found) || !slices.ContainsFunc(found, func(f bridge.Finding) bool { return f.What == "homeserver knows the token for double puppets" }) {
		t.Errorf("%+v", found)
	}
	bad := w.service(t, func(o *matrix.Options) { o.PuppetToken = "wrong" })
	if allOK(bad.Check(t.Context())) {
		t.Error("a wrong token is fine")
	}
	check(t, w.CanActAs(t.Context(), w.anna.UserID))
	for name, err := range map[string]error{
		"nobody":      w.CanActAs(t.Context(), "@nobody:hs.test"),
		"wrong token": bad.CanActAs(t.Context(), w.anna.UserID),
	} {
		if !errors.Is(err, bridge.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (w *world) puppetSends(t *testing.T) {
	room, ghost := w.room(t, "puppet_sends")
	m := message(room, w.anna.UserID, "puppet-1")
	m.Time, m.Marker.Item = time.Now().Add(-48*time.Hour), "post:1"
	sent := must(w.Send(t.Context(), m))(t)
	w.seen(t, room, sent)
	all := must(w.anna.Events(t.Context(), room))(t)
	if last := all[len(all)-1]; last.ID != sent || last.Sender != w.anna.UserID || last.Timestamp != m.Time.UnixMilli() {
		t.Errorf("%+v", last)
	}
	// Its transaction ID is the person's own: a ghost's is another.
	if again := must(w.Send(t.Context(), m))(t); again != sent {
		t.Errorf("the same transaction made another event")
	}
	m.As = ghost
	other := must(w.Send(t.Context(), m))(t)
	if other == sent {
		t.Error("the ghost's event is the person's")
	}
	w.seen(t, room, other)
	found, sender, ok, err := w.FindAmong(t.Context(), room, []id.UserID{ghost, w.anna.UserID}, "puppet-1", m.Time)
	if err != nil || !ok || found != sent || sender != w.anna.UserID {
		t.Errorf("found %s by %s, %v %v", found, sender, ok, err)
	}

	reaction := must(w.Send(t.Context(), intent.Send{
		Room: room, As: w.anna.UserID, Type: event.EventReaction.Type, TxnID: "puppet-2", Marker: intent.Marker{ID: "puppet-2"},
		Content: &event.ReactionEventContent{RelatesTo: event.RelatesTo{Type: event.RelAnnotation, EventID: other, Key: "👍"}},
	}))(t)
	for n, target := range []id.EventID{reaction, sent} {
		must(w.Redact(t.Context(), intent.Redact{Room: room, As: w.anna.UserID, Target: target, TxnID: "puppet-redact-" + string(rune('a'+n))}))(t)
	}
	w.reads(t, room, func(m harness.MatrixMessage) bool { return m.ID == sent && m.Redacted })
}

// A program copies the content of a message of its owner, who then leaves.
func (w *world) puppetCopies(t *testing.T) {
	room, ghost := w.room(t, "puppet_copies")
	beat := must(w.hs.NewPerson(t.Context(), "beat"))(t)
	must(beat.Join(t.Context(), string(room)))(t)
	m := message(room, beat.UserID, "puppet-copied")
	m.Marker.Item = "post:1"
	began := time.Now()
	sent := must(w.Send(t.Context(), m))(t)
	w.seen(t, room, sent)
	var content map[string]any
	for _, ev := range must(w.anna.Events(t.Context(), room))(t) {
		if ev.ID == sent {
			content = ev.Content.Raw
		}
	}
	if content[intent.MarkerKey] == nil {
		t.Fatalf("no marker in %v", content)
	}
	copied := must(beat.SendMessageEvent(t.Context(), room, event.EventMessage, content))(t).EventID
	w.seen(t, room, copied)
	for range 2 {
		found, sender, ok, err := w.FindAmong(t.Context(), room, []id.UserID{ghost, beat.UserID}, "puppet-copied", began)
		if err != nil || !ok || found != sent || sender != beat.UserID {
			t.Errorf("found %s by %s, %v %v; the copy is %s", found, sender, ok, err, copied)
		}
		_, _ = beat.LeaveRoom(t.Context(), room) // the second time they have left
	}
}

// What a person may not do is refused, and nobody is brought anywhere for it.
func (w *world) puppetRefusals(t *testing.T) {
	room, _ := w.room(t, "puppet_refusals")
	carl := must(w.hs.NewPerson(t.Context(), "carl"))(t)
	if _, err := w.Send(t.Context(), message(room, carl.UserID, "puppet-outside")); !errors.Is(err, bridge.ErrForbidden) {
		t.Errorf("from outside of the room: %v", err)
	}
	if in := must(w.Members(t.Context(), room))(t); slices.ContainsFunc(in, func(m intent.Member) bool { return m.User == carl.UserID }) {
		t.Error("a person was brought into the room")
	}
	if _, err := w.Send(t.Context(), message(room, "@nobody:hs.test", "puppet-nobody")); !errors.Is(err, bridge.ErrForbidden) {
		t.Errorf("as nobody: %v", err)
	}
	check(t, w.UpdateLevels(t.Context(), room, intent.Levels{WriteLocked: true}))
	if _, err := w.Send(t.Context(), message(room, w.anna.UserID, "puppet-locked")); !errors.Is(err, bridge.ErrForbidden) {
		t.Errorf("in a locked room: %v", err)
	}
	for name, change := range map[string]func(*matrix.Options){
		"wrong token": func(o *matrix.Options) { o.PuppetToken = "wrong" },
		"no token":    func(o *matrix.Options) { o.PuppetToken = "" },
	} {
		s := w.service(t, change)
		if _, err := s.Send(t.Context(), message(room, w.anna.UserID, "puppet-token")); !errors.Is(err, bridge.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The second registration lets nothing reach us that did not before.
func (w *world) puppetPushes(t *testing.T) {
	w.run(t)
	room, _ := w.room(t, "puppet_pushes")
	private := must(w.anna.NewRoom(t.Context(), "private"))(t)
	secret := must(w.anna.Say(t.Context(), private, "not for us"))(t)
	sent := must(w.Send(t.Context(), message(room, w.anna.UserID, "puppet-echo")))(t)
	fence := must(w.anna.Say(t.Context(), room, "fence"))(t)
	for _, ev := range []id.EventID{sent, fence} {
		w.inbox.until(t, "the events of the portal's room", func() bool { return slices.Contains(w.inbox.of(room, messageType), ev) })
	}
	if slices.Contains(w.inbox.of(private, messageType), secret) {
		t.Error("a private room's event came")
	}
}

// puppetClosed closes Anna's account.
func (w *world) puppetClosed(t *testing.T) {
	room, _ := w.room(t, "puppet_closed")
	must(w.anna.MakeRequest(t.Context(), http.MethodPost, w.anna.BuildClientURL("v3", "account", "deactivate"), map[string]any{
		"auth": map[string]any{
			"type": mautrix.AuthTypePassword, "password": "correct-horse",
			"identifier": mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: "anna"},
		},
	}, nil))(t)
	// Homeservers let us act as a closed account; but it leaves its rooms, and then it
	// may say nothing. Synapse takes it out of them a moment later.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := 0; ; n++ {
		_, err := w.Send(ctx, message(room, w.anna.UserID, fmt.Sprint("puppet-closed-", n)))
		if errors.Is(err, bridge.ErrForbidden) {
			return
		}
		if err != nil {
			t.Fatalf("as a closed account: %v", err)
		}
	}
}
