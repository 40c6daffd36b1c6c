package engine_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

const (
	admin = id.UserID("@admin:school.example")
	pupil = id.UserID("@pupil:school.example")
)

// world is a school with one network in memory, a homeserver in memory and a real
// database.
type world struct {
	t      *testing.T
	net    *bridgefake.Network
	hs     *fakeMatrix
	dsn    string
	school engine.School
	others []engine.School
	limits engine.Limits

	st     *store.Store
	engine *engine.Engine
	queue  *queue.Queue
	stop   func()

	teacher bridge.UserID

	observed sync.Map // how often a send's delay was told, by direction: *atomic.Int64
}

type commands func(who id.UserID, text string) string

func (c commands) Execute(_ context.Context, who id.UserID, text string) string { return c(who, text) }

// newWorld makes a world whose configuration names portals.
func newWorld(t *testing.T, portals ...engine.PortalSpec) *world {
	t.Helper()
	return newWorldOn(t, bridgefake.Options{}, portals...)
}

// newWorldOn is newWorld with a network of one's own.
func newWorldOn(t *testing.T, o bridgefake.Options, portals ...engine.PortalSpec) *world {
	t.Helper()
	w := &world{
		t: t, net: bridgefake.NewNetwork(o), hs: newFakeMatrix(),
		dsn:    "sqlite:" + filepath.Join(t.TempDir(), "steg.db"),
		limits: engine.DefaultLimits(),
		school: engine.School{ID: "gym", Name: "Gymnasium", Language: "en", Admins: []id.UserID{admin}, Portals: portals, Spaces: true},
	}
	w.limits.ReadMarkPause = 10 * time.Millisecond
	w.limits.PresenceEvery, w.limits.PresenceRepeat, w.limits.PresenceRest = 10*time.Millisecond, 20*time.Millisecond, 0
	w.limits.TargetWait, w.limits.SummaryPause, w.limits.PinsPause = 2*time.Second, 20*time.Millisecond, 10*time.Millisecond
	w.hs.names[pupil], w.hs.names[admin] = "Pia Pupil", "Adam Admin"
	w.teacher = w.net.NewUser("Tina Teacher")
	return w
}

// start runs the gateway; stopping it and starting it again is a restart.
func (w *world) start() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	log := slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	var err error
	w.st, err = store.Open(ctx, store.Options{DSN: w.dsn, Now: time.Now, Log: log})
	w.must(err)
	instance, err := w.st.AcquireInstance(ctx)
	w.must(err)
	spec := engine.BridgeSpec{ID: "fk", Kind: "fake", Name: "Fakechat", Bridge: bridgefake.New(w.net), Login: bridge.Login{ID: "bot"}}
	client, err := spec.Bridge.Open(spec.Login)
	w.must(err)
	w.engine, err = engine.New(engine.Options{
		Store: w.st, Homeserver: w.hs, Schools: append([]engine.School{w.school}, w.others...), Limits: w.limits, Log: log, Now: time.Now,
		Bridges: []engine.BridgeSpec{spec}, Clients: map[bridge.ID]bridge.Client{"fk": client},
		Observe: func(b bridge.ID, d store.Dir, took time.Duration) {
			n, _ := w.observed.LoadOrStore(d, &atomic.Int64{})
			if n, ok := n.(*atomic.Int64); ok && b == "fk" && took > 0 {
				n.Add(1)
			}
		},
		Typing: true,
		Commander: commands(func(who id.UserID, text string) string {
			return string(who) + " said " + text
		}),
	})
	w.must(err)
	w.queue = queue.New(w.st, instance, w.engine, queue.Options{Log: log, BackoffMin: 10 * time.Millisecond, BackoffMax: 50 * time.Millisecond})
	w.engine.Attach(w.queue)
	w.must(w.engine.Load(ctx))
	w.hs.mu.Lock()
	w.hs.inbox = w.engine.Accept
	w.hs.mu.Unlock()

	var running sync.WaitGroup
	running.Go(func() {
		if err := w.engine.Run(ctx); err != nil {
			w.t.Errorf("engine: %v", err)
		}
	})
	lanes, stopLanes := context.WithCancel(context.WithoutCancel(ctx))
	var lanesDone sync.WaitGroup
	lanesDone.Go(func() {
		if err := w.queue.Run(lanes); err != nil {
			w.t.Errorf("queue: %v", err)
		}
	})
	running.Go(func() { w.pump(ctx) })
	w.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		stopLanes()
		lanesDone.Wait()
		w.must(instance.Release(context.WithoutCancel(ctx)))
		w.must(w.st.Close())
	})
	w.t.Cleanup(w.stop)
}

// pump pushes what happens on the homeserver to the engine, and again what the
// engine did not take.
func (w *world) pump(ctx context.Context) {
	for {
		w.hs.mu.Lock()
		changed := w.hs.changed
		w.hs.mu.Unlock()
		_ = w.hs.flush(ctx)
		tick := time.NewTimer(5 * time.Millisecond)
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-changed:
		case <-tick.C:
		}
		tick.Stop()
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// eventually waits for a condition.
func (w *world) eventually(what string, cond func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline.C:
			account, _ := w.st.Account(w.t.Context())
			lanes, _ := w.st.Lanes(w.t.Context())
			w.t.Fatalf("not within the deadline: %s\naccount: %+v\nlanes: %+v", what, account, lanes)
		case <-tick.C:
		}
	}
}

// room waits for the room of a chat and returns it.
func (w *world) room(chat bridge.ChatID) (room id.RoomID) {
	w.t.Helper()
	w.eventually("room of "+string(chat), func() bool {
		p, err := w.st.PortalByChat(w.t.Context(), "fk", chat)
		room = p.Room
		return err == nil && p.Room != "" && p.Follows && p.Applied == p.Mode
	})
	return room
}

// wantLines waits until a room or a chat shows just this.
func (w *world) wantLines(what string, got func() []string, want []string) {
	w.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for !slices.Equal(got(), want) {
		<-tick.C
		if time.Now().After(deadline) {
			w.t.Fatalf("%s differs (-want +got):\n%s", what, cmp.Diff(want, got()))
		}
	}
}

func (w *world) wantMatrix(room id.RoomID, want ...string) {
	w.t.Helper()
	w.wantLines("room", func() []string { return w.hs.visible(room) }, want)
}

func (w *world) remote(chat bridge.ChatID) []string {
	var out []string
	for _, m := range w.net.Messages(chat) {
		line := m.Author + ": " + m.Text
		if m.Root != "" {
			line = "  " + line
		}
		if m.Edited {
			line += " (edited)"
		}
		out = append(out, line)
	}
	return out
}

func (w *world) wantRemote(chat bridge.ChatID, want ...string) {
	w.t.Helper()
	w.wantLines("chat", func() []string { return w.remote(chat) }, want)
}

// wantSettled waits until nothing is pending and checks the account.
func (w *world) wantSettled() store.Account {
	w.t.Helper()
	var a store.Account
	w.eventually("nothing pending", func() bool {
		var err error
		a, err = w.st.Account(w.t.Context())
		return err == nil && a.Pending == 0
	})
	if a.Received != a.Delivered+a.Dropped+a.Dead+a.Pending {
		w.t.Errorf("the account does not add up: %+v", a)
	}
	problems, err := w.st.VerifyAccount(w.t.Context())
	w.must(err)
	if len(problems) > 0 {
		w.t.Errorf("the account disagrees with the rows: %v", problems)
	}
	return a
}

func (w *world) drops() map[string]int64 {
	w.t.Helper()
	d, err := w.st.Drops(w.t.Context())
	w.must(err)
	return d
}

// hold keeps the homeserver from pushing; release lets it go on.
func (w *world) hold() func(context.Context, []intent.Event, *string) error {
	w.hs.mu.Lock()
	defer w.hs.mu.Unlock()
	inbox := w.hs.inbox
	w.hs.inbox = func(_ context.Context, evs []intent.Event, _ *string) error {
		w.hs.mu.Lock()
		defer w.hs.mu.Unlock()
		w.hs.held = append(w.hs.held, evs...)
		return nil
	}
	return inbox
}

// take returns what was to be pushed since hold.
func (w *world) take() []intent.Event {
	w.t.Helper()
	w.must(w.hs.flush(w.t.Context()))
	w.hs.mu.Lock()
	defer w.hs.mu.Unlock()
	evs := w.hs.held
	w.hs.held = nil
	return evs
}

func (w *world) release(inbox func(context.Context, []intent.Event, *string) error) {
	w.t.Helper()
	left := w.take()
	w.hs.mu.Lock()
	w.hs.inbox = inbox
	w.hs.mu.Unlock()
	w.must(inbox(w.t.Context(), left, nil))
}

func memberOf(u id.UserID) intent.Member { return intent.Member{User: u, Membership: "join"} }
