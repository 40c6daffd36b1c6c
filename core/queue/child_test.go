package queue_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// childEnv holds the address of the world for a process that kill tests start.
const childEnv = "STEG_QUEUE_TEST_WORLD"

// child is a gateway process: it accepts what the world offers and delivers it to
// the world, until it is told to stop. Killing it at any moment must do no harm.
func child(world string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	w := &worldClient{base: world, me: os.Getenv("STEG_QUEUE_TEST_ME"), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
	if err := w.serve(ctx, os.Getenv("STEG_QUEUE_TEST_DSN")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

type worldClient struct {
	base, me string
	http     *http.Client
}

func (w *worldClient) serve(ctx context.Context, dsn string) error {
	st, err := store.Open(ctx, store.Options{DSN: dsn})
	if err != nil {
		return err
	}
	defer st.Close() //nolint:errcheck // the parent looks at the database
	inst, err := st.AcquireInstance(ctx)
	if err != nil {
		return err
	}
	q := queue.New(st, inst, w, queue.Options{BackoffMin: 5 * time.Millisecond, BackoffMax: 50 * time.Millisecond, LookAhead: 4})
	var wg sync.WaitGroup
	for lane := range worldLanes {
		wg.Go(func() { w.source(ctx, q, int64(lane)) })
	}
	err = q.Run(ctx)
	wg.Wait()
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	if rel := inst.Release(ctx); rel != nil {
		return rel
	}
	return err
}

// source accepts what the world offers for a lane, one after the other.
func (w *worldClient) source(ctx context.Context, q *queue.Queue, lane int64) {
	for ctx.Err() == nil {
		answer, err := w.call(ctx, "/next", url.Values{"lane": {fmt.Sprint(lane)}, "me": {w.me}})
		n, bad := strconv.Atoi(answer)
		if err != nil || bad != nil {
			continue // not our turn; the world has waited a little
		}
		if _, err := q.Accept(ctx, store.Intake{Entries: []store.Entry{entry(outLane(lane), n)}}); err != nil {
			continue
		}
		_, _ = w.call(ctx, "/ack", url.Values{"lane": {fmt.Sprint(lane)}, "n": {fmt.Sprint(n)}})
	}
}

// Step delivers to the world.
func (w *worldClient) Step(ctx context.Context, it store.Item, a queue.Attempt) queue.Outcome {
	_, err := w.call(ctx, "/deliver", url.Values{
		"lane": {fmt.Sprint(it.Portal)}, "n": {string(it.Payload)}, "uncertain": {strconv.FormatBool(a.Uncertain)},
	})
	if err != nil {
		return queue.Outcome{Retry: &queue.Retry{Err: err}}
	}
	return queue.Outcome{Done: &store.Done{Verdict: store.Delivered, Links: []store.Link{{
		School: it.School, Bridge: it.Bridge, Portal: it.Portal, Dir: it.Dir, Key: it.Key, Kind: store.LinkMessage,
		Room: "!r:x", Event: "$e", Remote: bridge.MessageID(it.Payload),
	}}}}
}

func (w *worldClient) call(ctx context.Context, path string, form url.Values) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := w.http.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}
