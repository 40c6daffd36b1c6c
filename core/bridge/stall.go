package bridge

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrStalled says that a transfer was given up because nothing moved any more.
var ErrStalled = errors.New("the transfer stood still")

// Stall watches a transfer. A limit of its whole time would cut large files, no
// limit would let it hang for ever: so it ends when no byte has moved for a while.
type Stall struct {
	timer *time.Timer
	limit time.Duration
	stop  context.CancelCauseFunc
}

// WithStall returns a context that ends, with the cause [ErrStalled], when for
// limit nothing has moved through any reader of [Stall.Watch]. Call End when the
// transfer is over.
func WithStall(ctx context.Context, limit time.Duration) (context.Context, *Stall) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &Stall{limit: limit, stop: cancel}
	s.timer = time.AfterFunc(limit, func() { cancel(ErrStalled) })
	return ctx, s
}

// End frees what the watch holds. It may be called more than once.
func (s *Stall) End() {
	s.timer.Stop()
	s.stop(nil)
}

// Watch returns r, whose progress keeps the transfer alive.
func (s *Stall) Watch(r io.Reader) io.Reader { return &watchedReader{r, s} }

type watchedReader struct {
	r io.Reader
	s *Stall
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.s.timer.Reset(w.s.limit)
	}
	return n, err
}

// WatchBody is Watch for an answer's body: closing it ends the watch.
func (s *Stall) WatchBody(body io.ReadCloser) io.ReadCloser {
	return &watchedBody{s.Watch(body), body, s}
}

type watchedBody struct {
	io.Reader

	body  io.Closer
	stall *Stall
}

func (w *watchedBody) Close() error {
	defer w.stall.End()
	return w.body.Close()
}
