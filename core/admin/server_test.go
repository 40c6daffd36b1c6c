package admin_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/admin"
	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// source answers with fixed numbers.
type source struct {
	lanes  []store.LaneState
	logins []store.LoginState
	err    error
}

func (s source) Lanes(context.Context) ([]store.LaneState, error)   { return s.lanes, s.err }
func (s source) Logins(context.Context) ([]store.LoginState, error) { return s.logins, s.err }

var _ admin.Source = (*store.Store)(nil)

// ask sends one request to a server's handler.
func ask(t *testing.T, s *admin.Server, method, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w.Code, w.Body.String()
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var trouble error
	s := admin.New(admin.Options{Source: source{}, Ready: func(context.Context) error { return trouble }})
	check := func(method, path string, want int, words string) {
		t.Helper()
		if code, body := ask(t, s, method, path); code != want || !strings.Contains(body, words) {
			t.Errorf("%s %s = %d %q, want %d with %q", method, path, code, body, want, words)
		}
	}
	check("GET", "/health/live", 200, "live")
	check("HEAD", "/health/ready", 200, "")
	check("GET", "/health/ready", 200, "ready")
	trouble = errors.New("the database is away")
	check("GET", "/health/ready", 503, "the database is away")
	check("GET", "/health/live", 200, "live")
	check("POST", "/health/live", 405, "")
	check("GET", "/", 404, "")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	lane := func(portal int64, dir store.Dir, age time.Duration) store.LaneState {
		l := store.LaneState{
			LaneKey:  store.LaneKey{School: "gym", Bridge: "mm", Portal: portal, Dir: dir},
			Received: 10, Delivered: 5, Dropped: 2, Dead: 1, LastError: "not for metrics",
		}
		if age > 0 {
			l.Oldest = now.Add(-age)
		}
		return l
	}
	src := source{
		lanes: []store.LaneState{lane(1, store.DirIn, time.Minute), lane(2, store.DirIn, time.Hour), lane(1, store.DirOut, 0)},
		logins: []store.LoginState{
			{Bridge: "mm", Login: "a", State: bridge.StateConnected, Cause: "not for metrics"},
			{Bridge: "mm", Login: "b", State: bridge.StateConnected},
			{Bridge: "rc", Login: "a", State: bridge.StateBroken},
		},
	}
	s := admin.New(admin.Options{
		Source: src, Version: "v1", Now: func() time.Time { return now }, OpenBreakers: func() []string { return []string{"rc"} },
	})
	s.Observe("mm", store.DirIn, 1900*time.Microsecond)
	code, body := ask(t, s, "GET", "/metrics")
	if code != 200 {
		t.Fatalf("status %d:\n%s", code, body)
	}
	for _, line := range []string{
		`steg_received_total{bridge="mm",direction="in",school="gym"} 20`,
		`steg_delivered_total{bridge="mm",direction="in",school="gym"} 10`,
		`steg_dropped_total{bridge="mm",direction="in",school="gym"} 4`,
		`steg_dead{bridge="mm",direction="in",school="gym"} 2`,
		`steg_pending{bridge="mm",direction="in",school="gym"} 4`,
		`steg_oldest_pending_seconds{bridge="mm",direction="in",school="gym"} 3600`,
		`steg_oldest_pending_seconds{bridge="mm",direction="out",school="gym"} 0`,
		`steg_login_state{bridge="mm",state="connected"} 1`,
		`steg_login_state{bridge="rc",state="broken"} 1`,
		`steg_breaker_open{breaker="rc"} 1`,
		`steg_build_info{version="v1"} 1`,
		`steg_database_up 1`,
		`steg_delay_seconds_bucket{bridge="mm",direction="in",le="0.00175"} 0`,
		`steg_delay_seconds_bucket{bridge="mm",direction="in",le="0.002"} 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("metrics lack %s", line)
		}
	}
	if strings.Contains(body, "not for metrics") {
		t.Error("metrics hold an error text")
	}
}

func TestMetricsWithoutDatabase(t *testing.T) {
	t.Parallel()
	s := admin.New(admin.Options{Source: source{err: store.ErrAway}})
	code, body := ask(t, s, "GET", "/metrics")
	if code != 200 || !strings.Contains(body, "steg_database_up 0\n") || !strings.Contains(body, "go_goroutines") {
		t.Errorf("status %d:\n%s", code, body)
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	s := admin.New(admin.Options{Listen: "127.0.0.1:0", Source: source{}})
	listener, err := s.Listen(t.Context())
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	if _, err := admin.New(admin.Options{Listen: listener.Addr().String(), Source: source{}}).Listen(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "admin.listen") {
		t.Errorf("a second listener: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/health/ready", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("ask: %v", err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || string(body) != "ready\n" {
		t.Errorf("answer %d %q, %v", answer.StatusCode, body, err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
	request = request.Clone(t.Context())
	if answer, err := http.DefaultClient.Do(request); err == nil {
		_ = answer.Body.Close()
		t.Error("it still answers after Serve has returned")
	}
}
