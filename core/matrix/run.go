package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// grace is how long requests that are being answered may take when Run ends.
const grace = 10 * time.Second

// Run serves [Service.Handler] on Options.Listen, when given, reads the bot's sync,
// and keeps the [witness], until ctx ends; then it waits for its requests and returns
// nil. The homeserver may be away at any time. The error says that we cannot listen.
func (s *Service) Run(ctx context.Context, inbox Inbox) error {
	s.doubt.raise() // before the first transaction can come
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // before the wait

	var served error
	if s.opts.Listen != "" {
		listener, err := s.listen(ctx)
		if err != nil {
			return err
		}
		wg.Go(func() {
			served = s.serve(ctx, listener, s.Handler(inbox))
			cancel()
		})
	}
	wg.Go(func() { s.welcome(ctx, inbox) })
	wg.Go(func() { s.keepWitness(ctx) })
	err := s.Sync(ctx, inbox)
	cancel()
	wg.Wait()
	return errors.Join(served, err)
}

func (s *Service) listen(ctx context.Context) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for the homeserver on %s: is another program using it? change homeserver.listen: %w", s.opts.Listen, err)
	}
	return listener, nil
}

// serve serves until ctx ends and no request is left.
func (s *Service) serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	var active sync.WaitGroup
	defer active.Wait()
	// Requests may finish their commit when ctx ends; Close ends them.
	requests, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			active.Add(1)
			defer active.Done()
			handler.ServeHTTP(w, req)
		}),
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute,
		WriteTimeout:      4 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// Its lines name remote addresses; our own handler logs what matters.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelWarn),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		wait, cancel := context.WithTimeout(requests, grace)
		defer cancel()
		if err := server.Shutdown(wait); err != nil {
			abort()
			_ = server.Close() // Shutdown closed the listener already
		}
	})
	err := server.Serve(listener)
	if stop() {
		_ = server.Close() // Serve failed by itself
	} else {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the homeserver: %w", err)
}
