package main

import (
	"context"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// failingRow is a line of the table of one failing chat among many.
type failingRow struct {
	how                 ailment
	database, direction string
	p50, p99            [phases]time.Duration // all the way: before, while the chat fails, and after
	behind              int                   // messages that waited in the failing chat
	healed              time.Duration         // from its recovery until they had arrived
	problems            []string
}

// ailment is what a request about the failing chat gets.
type ailment string

const (
	failing500     ailment = "500"     // an error of the server's own
	failing502     ailment = "502"     // an error of the proxy in front of it, as when a worker for some chats is away
	failingSilence ailment = "silence" // no answer, until the gateway gives up
)

func (a ailment) answer(w http.ResponseWriter, r *http.Request, text string) {
	switch a {
	case failing500:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, text)
	case failing502:
		http.Error(w, "no backend", http.StatusBadGateway)
	case failingSilence:
		_, _ = io.Copy(io.Discard, r.Body) // only then the end of the connection is noticed
		<-r.Context().Done()
	}
}

// phases is before, while and after.
const phases = 3

// healthySeconds is how long the others are measured before and after.
const healthySeconds = 8

// failings measures what one failing chat does to the others.
func (b *bench) failings(ctx context.Context) error {
	for _, database := range b.first() {
		err := b.on(ctx, "failing", database, b.portals, func(s *stage) error { return s.failing(ctx) })
		if err != nil {
			return err
		}
	}
	return nil
}

// failing measures both directions at the same time: first when all is well, then
// while the last chat fails, and again when all is well, so that a machine which
// becomes slower or faster meanwhile shows.
func (s *stage) failing(ctx context.Context) error {
	g, err := s.startWarm(ctx)
	if err != nil {
		return err
	}
	if err := drained(ctx, g, time.Minute); err != nil {
		return err
	}
	f := &fleet{all: []*gateway{g}}
	courses := s.courses(f)
	for _, c := range courses {
		c.meter.reset()
	}
	plan := [phases]struct {
		say     string
		seconds int
		run     func(c *course, ctx context.Context, seconds int) ([]time.Duration, error)
	}{
		{"100 messages per second and direction, all is well", healthySeconds, (*course).calm},
		{"the same while a chat fails", s.b.failingSeconds, (*course).storm},
		{"and when it is well again", healthySeconds, (*course).calm},
	}
	for n, phase := range plan {
		s.say("%s", phase.say)
		group, inner := errgroup.WithContext(ctx)
		for _, c := range courses {
			group.Go(func() (err error) {
				c.took[n], err = phase.run(c, inner, phase.seconds)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	for _, c := range courses {
		r := c.row()
		r.how = s.b.failingAs
		s.b.lines.failings = append(s.b.lines.failings, r)
	}
	return nil
}
