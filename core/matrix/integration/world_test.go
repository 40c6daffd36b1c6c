package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/harness/harnesstest"
)

// world is a real homeserver and a Service on it.
type world struct {
	*matrix.Service
	hs      *harness.Homeserver
	synapse bool
	opts    matrix.Options
	inbox   *inbox
	anna    *harness.MatrixPerson
	// puppets is the token of the second registration, which the homeserver always
	// has and the Service does not use unless told.
	puppets string
}

// homeservers are what every test runs on; the value tells Synapse.
var homeservers = map[string]bool{"dendrite": false, "synapse": true}

func newWorld(t *testing.T, synapse bool) *world {
	t.Helper()
	return newWorldOn(t, synapse, harness.HomeserverOptions{})
}

// newWorldOn is newWorld with options of the homeserver's.
func newWorldOn(t *testing.T, synapse bool, options harness.HomeserverOptions) *world {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	reg := matrix.NewRegistration(matrix.RegistrationOptions{
		URL: "http://" + address, ServerName: "hs.test", Protocols: []string{"mattermost"},
	})
	body, err := reg.YAML()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "registration.yaml")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	puppets := matrix.NewPuppetRegistration(matrix.RegistrationOptions{ServerName: "hs.test"})
	if body, err = puppets.YAML(); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(filepath.Dir(file), "doublepuppets.yaml")
	if err := os.WriteFile(second, body, 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{synapse: synapse, inbox: newInbox(), puppets: puppets.ASToken}
	options.ServerName, options.Registrations = "hs.test", []string{file, second}
	if synapse {
		w.hs = harnesstest.Synapse(t, options)
	} else {
		w.hs = harnesstest.Dendrite(t, options)
	}
	w.opts = matrix.Options{
		URL: w.hs.URL, ServerName: "hs.test", ASToken: reg.ASToken, HSToken: reg.HSToken, ID: reg.ID,
		SenderLocalpart: reg.SenderLocalpart, Listen: address, PublicURL: "http://" + address,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	w.Service = w.service(t, func(*matrix.Options) {})
	if w.anna, err = w.hs.NewPerson(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) service(t *testing.T, change func(*matrix.Options)) *matrix.Service {
	t.Helper()
	opts := w.opts
	change(&opts)
	s, err := matrix.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs the Service until stop, or the end of the test.
func (w *world) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.Run(ctx, w.inbox); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	w.inbox.until(t, "first position of the sync", func() bool { return w.inbox.token() != "" })
	return stop
}

// room makes a portal with a ghost and Anna in it.
func (w *world) room(t *testing.T, alias string) (id.RoomID, id.UserID) {
	t.Helper()
	ghost := w.GhostID("mm", "k3h7")
	room := must(w.CreateRoom(t.Context(), intent.Room{AliasLocal: alias, Name: alias}))(t)
	check(t, w.EnsureJoined(t.Context(), room, ghost))
	must(w.anna.Join(t.Context(), string(room)))(t)
	return room, ghost
}

// seen waits until a message, and so everything before it, can be read: Dendrite
// acknowledges a little earlier.
func (w *world) seen(t *testing.T, room id.RoomID, message id.EventID) {
	t.Helper()
	w.reads(t, room, func(m harness.MatrixMessage) bool { return m.ID == message })
}

// reads waits at most a minute until Anna reads such a message.
func (w *world) reads(t *testing.T, room id.RoomID, match func(harness.MatrixMessage) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must(w.anna.WaitFor(ctx, room, match))(t)
}

func message(room id.RoomID, as id.UserID, n string) intent.Send {
	return intent.Send{
		Room: room, As: as, Type: "m.room.message", TxnID: n, Marker: intent.Marker{ID: n},
		Content: map[string]string{"msgtype": "m.text", "body": "text of " + n},
	}
}

// state reads a state event as the bot.
func (w *world) state(t *testing.T, room id.RoomID, typ, key string) map[string]any {
	t.Helper()
	status, body := w.request(t, http.MethodGet, "/rooms/"+string(room)+"/state/"+typ+"/"+url.PathEscape(key), w.Bot(), nil)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", typ, status, body)
	}
	var content map[string]any
	check(t, json.Unmarshal(body, &content))
	return content
}

// request makes a request as a user of the application service.
func (w *world) request(t *testing.T, method, path string, as id.UserID, body []byte) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.hs.URL+"/_matrix/client/v3"+path+"?user_id="+string(as), bytes.NewReader(body))
	check(t, err)
	req.Header.Set("Authorization", "Bearer "+w.opts.ASToken)
	return do(t, req)
}

// get fetches what needs no token.
func get(t *testing.T, address string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	check(t, err)
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (int, []byte) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	check(t, err)
	defer func() { _ = resp.Body.Close() }()
	var buf bytes.Buffer
	_, err = buf.ReadFrom(resp.Body)
	check(t, err)
	return resp.StatusCode, buf.Bytes()
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		check(tb, err)
		return v
	}
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func allOK(found []bridge.Finding) bool {
	return !slices.ContainsFunc(found, func(f bridge.Finding) bool { return f.Level != bridge.LevelOK })
}

// inbox records, and drops repeats by event ID.
type inbox struct {
	mu      sync.Mutex
	changed chan struct{}
	events  []intent.Event
	seen    map[id.EventID][]intent.Source
	stored  string
	typing  int
	alias   func(ctx context.Context, alias id.RoomAlias) (bool, error)
	user    func(ctx context.Context, user id.UserID) (bool, error)
}

func newInbox() *inbox {
	return &inbox{changed: make(chan struct{}), seen: map[id.EventID][]intent.Source{}}
}

func (i *inbox) Accept(_ context.Context, evs []intent.Event, token *string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, ev := range evs {
		if i.seen[ev.ID] == nil {
			i.events = append(i.events, ev)
		}
		i.seen[ev.ID] = append(i.seen[ev.ID], ev.Source)
	}
	if token != nil {
		i.stored = *token
	}
	i.notify()
	return nil
}

func (i *inbox) Reachable(context.Context) {}

func (i *inbox) SyncToken(context.Context) (string, error) { return i.token(), nil }

func (i *inbox) token() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.stored
}

func (i *inbox) Alias(ctx context.Context, alias id.RoomAlias) (bool, error) {
	if i.alias == nil {
		return false, nil
	}
	return i.alias(ctx, alias)
}

func (i *inbox) User(ctx context.Context, user id.UserID) (bool, error) {
	if i.user == nil {
		return false, nil
	}
	return i.user(ctx, user)
}

func (i *inbox) Ephemeral(context.Context, id.RoomID, string, json.RawMessage) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.typing++
	i.notify()
}

func (i *inbox) notify() {
	close(i.changed)
	i.changed = make(chan struct{})
}

// of lists the IDs of a type's events in a room, as they came.
func (i *inbox) of(room id.RoomID, typ string) []id.EventID {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []id.EventID
	for _, ev := range i.events {
		if ev.Room == room && ev.Type == typ {
			out = append(out, ev.ID)
		}
	}
	return out
}

// until waits at most a minute.
func (i *inbox) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		i.mu.Lock()
		changed := i.changed
		i.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("never happened: %s", what)
		}
	}
}
