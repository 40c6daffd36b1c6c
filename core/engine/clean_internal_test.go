package engine

import (
	"errors"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

func TestCleanAttempts(t *testing.T) {
	t.Parallel()
	waiting := retry(errors.New("waits for something"))
	unsent := retry(mayHaveLanded(&bridge.TemporaryError{Err: errors.New("no connection"), Unsent: true}))
	lost := retry(mayHaveLanded(&bridge.TemporaryError{Err: errors.New("answer lost")}))
	unknown := retry(mayHaveLanded(errors.New("odd answer")))
	for name, test := range map[string]struct {
		first    bool // whether the queue calls the first attempt uncertain
		outcomes []queue.Outcome
		want     bool // whether the next attempt need not look
	}{
		"no attempt":              {want: false}, // the queue knows better then
		"waiting":                 {outcomes: []queue.Outcome{waiting, waiting}, want: true},
		"no connection":           {outcomes: []queue.Outcome{waiting, unsent, unsent}, want: true},
		"answer lost":             {outcomes: []queue.Outcome{lost}},
		"answer lost, then none":  {outcomes: []queue.Outcome{lost, unsent, unsent}},
		"no connection, then odd": {outcomes: []queue.Outcome{unsent, unknown}},
		"held in between":         {outcomes: []queue.Outcome{unsent, {Hold: "paused"}}, want: true},
		"an earlier process":      {first: true, outcomes: []queue.Outcome{unsent}},
	} {
		c, it := newClean(), store.Item{Seq: 7}
		n, uncertain := 0, test.first
		for _, out := range test.outcomes {
			if out.Retry != nil {
				again := *out.Retry
				out.Retry = &again
			}
			c.note(it, queue.Attempt{N: n, Uncertain: uncertain && !c.is(it, n)}, &out)
			if out.Retry != nil {
				n, uncertain = n+1, true
				if _, marked := out.Retry.Err.(*landedError); marked { //nolint:errorlint // the mark itself
					t.Errorf("%s: the mark reaches the queue", name)
				}
			}
		}
		if got := c.is(it, n); got != test.want {
			t.Errorf("%s: clean = %v, want %v", name, got, test.want)
		}
	}
}

func TestCleanIsForgottenWithTheItem(t *testing.T) {
	t.Parallel()
	c, it := newClean(), store.Item{Seq: 7}
	out := retry(errors.New("waits"))
	c.note(it, queue.Attempt{}, &out)
	done := delivered(it)
	c.note(it, queue.Attempt{N: 1}, &done)
	if len(c.after) != 0 {
		t.Errorf("remembers %d items that are done", len(c.after))
	}
}
