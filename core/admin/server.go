package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus" // the format that monitoring reads
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// Source is where the numbers come from. [store.Store] is one.
type Source interface {
	Lanes(ctx context.Context) ([]store.LaneState, error)
	Logins(ctx context.Context) ([]store.LoginState, error)
}

// Options is what a [Server] shows.
type Options struct {
	Listen string // "127.0.0.1:29301"; port 0 chooses a free one
	Source Source
	// Ready reports why messages cannot be accepted now; nil = always ready.
	Ready func(ctx context.Context) error
	// OpenBreakers names what is waited for: bridges, "homeserver". nil = unknown.
	OpenBreakers func() []string
	Version      string
	Log          *slog.Logger
	Now          func() time.Time
}

// Server serves health and metrics.
type Server struct {
	opts   Options
	static *prometheus.Registry // what the process tells about itself
	delays *prometheus.HistogramVec
}

// How long a probe may take, and how long running requests get at the end.
const (
	probeTime = 5 * time.Second
	graceTime = 2 * time.Second
)

// New makes a server. It does no I/O.
func New(opts Options) *Server {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	static := prometheus.NewRegistry()
	static.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "steg_build_info", Help: "The running version.", ConstLabels: prometheus.Labels{"version": opts.Version},
		}, func() float64 { return 1 }),
	)
	delays := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "steg_delay_seconds", Help: "From taking a message in to starting its first send, unless a restart came between.", Buckets: delayBuckets,
	}, []string{"bridge", "direction"})
	static.MustRegister(delays)
	return &Server{opts: opts, static: static, delays: delays}
}

// Observe counts how long after it was taken in a message's first send started.
func (s *Server) Observe(b bridge.ID, d store.Dir, took time.Duration) {
	s.delays.WithLabelValues(string(b), string(d)).Observe(took.Seconds())
}

// Listen opens the address. The caller passes the listener to [Server.Serve].
func (s *Server) Listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for health and metrics: %w: choose another address in admin.listen, or switch it off there", err)
	}
	return listener, nil
}

// Serve answers requests until ctx ends, then returns nil when running ones are
// done. It closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: probeTime, ReadTimeout: probeTime, WriteTimeout: 6 * probeTime, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve health and metrics: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		_ = server.Close() // a reader that does not finish is cut off
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve health and metrics: %w", err)
	}
	return nil
}

// Handler answers the paths of this package.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health/live", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "live") })
	mux.HandleFunc("GET /health/ready", s.ready)
	mux.HandleFunc("GET /metrics", s.metrics)
	return mux
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), probeTime)
	defer cancel()
	if s.opts.Ready != nil {
		if err := s.opts.Ready(ctx); err != nil {
			s.opts.Log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.String("error", err.Error()))
			say(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
			return
		}
	}
	say(w, http.StatusOK, "ready")
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	now, err := s.snapshot(r.Context())
	if err != nil {
		// Without the database the process still tells about itself.
		s.opts.Log.LogAttrs(r.Context(), slog.LevelWarn, "metrics without the account", slog.String("error", err.Error()))
	}
	dynamic := prometheus.NewRegistry()
	dynamic.MustRegister(now)
	promhttp.HandlerFor(prometheus.Gatherers{s.static, dynamic}, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // whoever asked may have gone
}
