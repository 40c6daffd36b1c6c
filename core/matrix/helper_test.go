package matrix_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

// world is a homeserver and a Service on it.
type world struct {
	*matrix.Service
	hs    *matrixtest.Server
	inbox *inbox
	log   *logs
}

func newWorld(tb testing.TB, dialect matrixtest.Dialect, change ...func(*matrix.Options)) *world {
	tb.Helper()
	hs := matrixtest.Start(matrixtest.Options{Dialect: dialect})
	tb.Cleanup(hs.Close)
	log := new(logs)
	opts := matrix.Options{
		URL: hs.URL, ServerName: hs.ServerName, ASToken: hs.ASToken, HSToken: hs.HSToken,
		SenderLocalpart: hs.SenderLocalpart, Log: slog.New(slog.NewJSONHandler(log, nil)),
	}
	for _, c := range change {
		c(&opts)
	}
	s, err := matrix.New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	return &world{Service: s, hs: hs, inbox: newInbox(), log: log}
}

// serve lets the homeserver push to the Service.
func (w *world) serve(tb testing.TB) {
	tb.Helper()
	as := httptest.NewServer(w.Handler(w.inbox))
	tb.Cleanup(as.Close)
	w.hs.Connect(as.URL)
}

// sync runs the Service's sync in the background until the test ends; stop ends
// it earlier.
func (w *world) sync(tb testing.TB) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.Sync(ctx, w.inbox); err != nil {
			tb.Errorf("Sync: %v", err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	tb.Cleanup(stop)
	return stop
}

// portal makes a room of the bot with a ghost in it.
func (w *world) portal(tb testing.TB, alias string) (id.RoomID, id.UserID) {
	tb.Helper()
	room, err := w.CreateRoom(tb.Context(), intent.Room{AliasLocal: alias, Name: "Marktplatz"})
	if err != nil {
		tb.Fatal(err)
	}
	ghost := w.GhostID("mm", "anna")
	if err := w.EnsureJoined(tb.Context(), room, ghost); err != nil {
		tb.Fatal(err)
	}
	return room, ghost
}

func message(room id.RoomID, as id.UserID, n string) intent.Send {
	return intent.Send{
		Room: room, As: as, Type: "m.room.message", TxnID: n, Marker: intent.Marker{ID: n},
		Content: map[string]string{"msgtype": "m.text", "body": "text of " + n},
	}
}

// inbox records. It is a true one: repeats are dropped by event ID.
type inbox struct {
	mu      sync.Mutex
	changed chan struct{}
	events  []intent.Event
	known   map[id.EventID]bool
	repeats int
	tokens  []string
	typing  int
	typists []string // what Ephemeral was told, by room
	failing int      // how many Accepts still fail

	alias func(ctx context.Context, alias id.RoomAlias) (bool, error)
	user  func(ctx context.Context, user id.UserID) (bool, error)
}

func newInbox() *inbox {
	return &inbox{changed: make(chan struct{}), known: map[id.EventID]bool{}}
}

var errInbox = errors.New("disk full")

func (i *inbox) Accept(_ context.Context, evs []intent.Event, token *string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.failing > 0 {
		i.failing--
		return errInbox
	}
	for _, ev := range evs {
		if i.known[ev.ID] {
			i.repeats++
			continue
		}
		i.known[ev.ID] = true
		ev.Raw = bytes.Clone(ev.Raw)
		i.events = append(i.events, ev)
	}
	if token != nil {
		i.tokens = append(i.tokens, *token)
	}
	i.notify()
	return nil
}

func (i *inbox) Reachable(context.Context) {}

func (i *inbox) SyncToken(context.Context) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.tokens) == 0 {
		return "", nil
	}
	return i.tokens[len(i.tokens)-1], nil
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

func (i *inbox) Ephemeral(_ context.Context, room id.RoomID, _ string, content json.RawMessage) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.typing++
	i.typists = append(i.typists, string(room)+" "+string(content))
	i.notify()
}

func (i *inbox) notify() {
	close(i.changed)
	i.changed = make(chan struct{})
}

func (i *inbox) failNext(n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failing = n
}

// of lists the accepted events of a type.
func (i *inbox) of(typ string) []intent.Event {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(i.events), func(ev intent.Event) bool { return ev.Type != typ })
}

func (i *inbox) ids(typ string) []id.EventID {
	var out []id.EventID
	for _, ev := range i.of(typ) {
		out = append(out, ev.ID)
	}
	return out
}

// until waits for a condition on the inbox.
func (i *inbox) until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for {
		i.mu.Lock()
		changed := i.changed
		i.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-tb.Context().Done():
			tb.Fatalf("never happened: %s", what)
		}
	}
}

// logs is a log that can be read while it is written.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// do makes a request like a homeserver or a client would.
func do(tb testing.TB, method, url, token, body string) (int, []byte) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		tb.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(resp.Body); err != nil {
		tb.Fatal(err)
	}
	return resp.StatusCode, buf.Bytes()
}
