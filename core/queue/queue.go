package queue

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// ErrStopped says that the queue has stopped and accepts nothing more.
var ErrStopped = errors.New("the queue has stopped")

// Options tune a queue; the zero value of each field is a good default.
type Options struct {
	Log        *slog.Logger
	Now        func() time.Time
	Rand       *rand.Rand
	Workers    int                        // steps at the same time; 256
	Breaker    func(store.LaneKey) string // what a lane shares its fate with; out: the bridge, else "homeserver"
	Owns       func(bridge.ID) bool       // whether this process holds the bridge's login; nil = always
	BackoffMin time.Duration              // first pause of a lane; 1 s
	BackoffMax time.Duration              // longest pause; 2 min
	HoldMax    time.Duration              // longest hold without Wake; 1 min
	LookAhead  int                        // items of a lane kept in memory; 32
	Memory     int64                      // bytes of payload kept in memory beyond running steps; 16 MiB
	BatchMax   int                        // entries and completions in one commit; 1024
	Poll       time.Duration              // how often other processes' work is looked for; 1 s (SQLite), 200 ms (PostgreSQL)
	Grace      time.Duration              // how long Run waits for running steps at its end; 10 s
}

// Stats are counters since the start.
type Stats struct {
	Accepted, Delivered, Dropped, Dead, Retries, Panics, Commits int64
	Running, Waiting, Held, Ready                                int64 // now
}

type Queue struct{}

func New(st *store.Store, inst *store.Instance, h Handler, o Options) *Queue { return &Queue{} }
func (q *Queue) Run(ctx context.Context) error                               { return nil }
func (q *Queue) Accept(ctx context.Context, in store.Intake) (int, error)    { return 0, nil }
func (q *Queue) Replay(ctx context.Context, number int64) error              { return nil }
func (q *Queue) Discard(ctx context.Context, number int64, who string) error { return nil }
func (q *Queue) Wake(match func(store.LaneKey) bool)                         {}
func (q *Queue) Stats() Stats                                                { return Stats{} }
