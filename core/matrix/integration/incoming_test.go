package integration_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix"
)

const (
	messageType   = "m.room.message"
	redactionType = "m.room.redaction"
)

func TestIncoming(t *testing.T) {
	t.Parallel()
	for name, synapse := range homeservers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, synapse)
			t.Run("checks", w.checks)
			t.Run("messages", w.messages)
			t.Run("redactionsOfPeople", w.redactionsOfPeople)
			t.Run("aliasQuery", w.aliasQuery)
			t.Run("invites", w.invites)
			t.Run("deepContent", w.deepContent)
			t.Run("catchUp", w.catchUp)
			t.Run("forgottenPosition", w.forgottenPosition)
		})
	}
}

func (w *world) checks(t *testing.T) {
	found := w.Check(t.Context())
	if !allOK(found) {
		t.Errorf("%+v", found)
	}
	t.Logf("%+v", found)
	for name, c := range map[string]struct {
		change func(*matrix.Options)
		word   string
	}{
		"token": {func(o *matrix.Options) { o.ASToken = "x" }, "as_token"},
		"name":  {func(o *matrix.Options) { o.ServerName = "other.test" }, "the homeserver is hs.test"},
		"bot":   {func(o *matrix.Options) { o.BotLocalpart = "other" }, "another application service"},
	} {
		found := w.service(t, c.change).Check(t.Context())
		if last := found[len(found)-1]; last.Level != bridge.LevelFail || !strings.Contains(last.What, c.word) {
			t.Errorf("%s: %+v", name, found)
		}
	}
	if w.synapse {
		found := w.service(t, func(o *matrix.Options) { o.HSToken = "x" }).Check(t.Context())
		if last := found[len(found)-1]; last.Level != bridge.LevelFail || !strings.Contains(last.What, "hs_token") {
			t.Errorf("%+v", found)
		}
		found = w.service(t, func(o *matrix.Options) { o.Listen = "" }).Check(t.Context())
		if last := found[len(found)-1]; last.Level != bridge.LevelFail || !strings.Contains(last.What, "no connection") {
			t.Errorf("%+v", found)
		}
	}
}

func (w *world) messages(t *testing.T) {
	stop := w.run(t)
	room, ghost := w.room(t, "in_messages")
	var want []id.EventID
	say := func(n int) {
		want = append(want, must(w.anna.Say(t.Context(), room, strconv.Itoa(n)))(t))
		if n%5 == 0 {
			want = append(want, must(w.Send(t.Context(), message(room, ghost, fmt.Sprint("echo-", n))))(t))
		}
	}
	for n := range 20 {
		say(n)
	}
	w.inbox.until(t, "messages and our own echoes", func() bool { return len(w.inbox.of(room, messageType)) == len(want) })
	stop()
	for n := range 70 {
		say(100 + n)
	}
	w.run(t)
	w.inbox.until(t, "what was said while we were away", func() bool { return len(w.inbox.of(room, messageType)) == len(want) })
	if diff := cmp.Diff(want, w.inbox.of(room, messageType)); diff != "" {
		t.Error(diff)
	}
}

func (w *world) redactionsOfPeople(t *testing.T) {
	w.run(t)
	room, _ := w.room(t, "in_redactions")
	target := must(w.anna.Say(t.Context(), room, "x"))(t)
	reaction := must(w.anna.React(t.Context(), room, target, "👍"))(t)
	check(t, w.anna.Redact(t.Context(), room, reaction))
	check(t, w.anna.Redact(t.Context(), room, target))
	start := time.Now()
	w.inbox.until(t, "both redactions", func() bool { return len(w.inbox.of(room, redactionType)) == 2 })
	t.Logf("after %v", time.Since(start))
	// Synapse pushes them too, with the same IDs.
	if w.synapse {
		ids := w.inbox.of(room, redactionType)
		w.inbox.until(t, "from both sides", func() bool {
			w.inbox.mu.Lock()
			defer w.inbox.mu.Unlock()
			sources := w.inbox.seen[ids[0]]
			return slices.Contains(sources, intent.SourcePush) && slices.Contains(sources, intent.SourceSync)
		})
	}
}

func (w *world) aliasQuery(t *testing.T) {
	var asked []id.RoomAlias
	var mu sync.Mutex
	w.inbox.alias = func(ctx context.Context, alias id.RoomAlias) (bool, error) {
		mu.Lock()
		asked = append(asked, alias)
		mu.Unlock()
		local, ours := w.ParseAlias(alias)
		if !ours || local != "mm_markt" {
			return false, nil
		}
		_, err := w.CreateRoom(ctx, intent.Room{AliasLocal: local, Name: "Markt"})
		return err == nil, err
	}
	w.run(t)
	carla := must(w.hs.NewPerson(t.Context(), "carla"))(t)
	joined := make([]id.RoomID, 2)
	var wg sync.WaitGroup
	wg.Go(func() { joined[0], _ = w.anna.Join(t.Context(), "#_steg_mm_markt:hs.test") })
	wg.Go(func() { joined[1], _ = carla.Join(t.Context(), "#_steg_mm_markt:hs.test") })
	wg.Wait()
	if joined[0] == "" || joined[0] != joined[1] {
		t.Errorf("%v", joined)
	}
	if _, err := w.anna.Join(t.Context(), "#_steg_mm_secret:hs.test"); err == nil {
		t.Error("joined what does not exist")
	}
	if _, err := w.ResolveAlias(t.Context(), "#_steg_mm_secret:hs.test"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("%v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	t.Logf("asked for %v", asked)
}

func (w *world) invites(t *testing.T) {
	w.run(t)
	room := must(w.anna.NewRoom(t.Context(), "privat", w.Bot()))(t)
	w.inbox.until(t, "the invite by push and by sync", func() bool {
		w.inbox.mu.Lock()
		defer w.inbox.mu.Unlock()
		got := map[intent.Source]bool{}
		for _, ev := range w.inbox.events {
			if ev.Room == room && ev.Type == "m.room.member" && ev.StateKey != nil && *ev.StateKey == string(w.Bot()) {
				got[ev.Source] = true
			}
		}
		return got[intent.SourcePush] && got[intent.SourceSync]
	})
	must(w.Join(t.Context(), string(room)))(t)
}

// deepContent: a message nested as deep as the homeserver takes must not stop
// the messages behind it.
func (w *world) deepContent(t *testing.T) {
	w.run(t)
	room, ghost := w.room(t, "deep")
	for _, depth := range []int{9_995, 900} {
		deep := `{"body":"x","msgtype":"m.text","x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
		status, _ := w.request(t, http.MethodPut, "/rooms/"+string(room)+"/send/m.room.message/deep-"+strconv.Itoa(depth), ghost, []byte(deep))
		t.Logf("depth %d: %d", depth, status)
	}
	last := must(w.anna.Say(t.Context(), room, "danach"))(t)
	w.inbox.until(t, "the message behind it", func() bool { return slices.Contains(w.inbox.of(room, messageType), last) })
	t.Logf("%d of 3 messages came", len(w.inbox.of(room, messageType)))
}

func (w *world) catchUp(t *testing.T) {
	stop := w.run(t)
	room, _ := w.room(t, "catchup")
	stop()
	var said []id.EventID
	const count = 130
	for n := range count {
		said = append(said, must(w.anna.Say(t.Context(), room, strconv.Itoa(n)))(t))
	}
	var want []id.EventID
	for _, target := range said {
		want = append(want, must(w.anna.RedactEvent(t.Context(), room, target))(t).EventID)
	}
	// Only the sync, so that Synapse's push does not help.
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.Sync(ctx, w.inbox) })
	w.inbox.until(t, "all redactions", func() bool { return len(w.inbox.of(room, redactionType)) == count })
	cancel()
	wg.Wait()
	if diff := cmp.Diff(want, w.inbox.of(room, redactionType)); diff != "" {
		t.Error(diff)
	}
}

func (w *world) forgottenPosition(t *testing.T) {
	room, _ := w.room(t, "forgotten")
	stop := w.run(t)
	stop()
	before := time.Now()
	var want []id.EventID
	for n := range 60 {
		target := must(w.anna.Say(t.Context(), room, strconv.Itoa(n)))(t)
		want = append(want, must(w.anna.RedactEvent(t.Context(), room, target))(t).EventID)
	}
	w.inbox.mu.Lock()
	w.inbox.stored = fmt.Sprintf("%d|nonsense", before.UnixMilli())
	w.inbox.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.Sync(ctx, w.inbox) })
	w.inbox.until(t, "all redactions", func() bool { return len(w.inbox.of(room, redactionType)) == len(want) })
	cancel()
	wg.Wait()
	if diff := cmp.Diff(want, w.inbox.of(room, redactionType)); diff != "" {
		t.Error(diff)
	}
}
