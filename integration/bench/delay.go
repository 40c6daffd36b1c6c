package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// delays is the gateway's own count of how long messages waited between being
// taken in and the start of their send, by upper bound in seconds.
type delays struct {
	bounds []float64
	counts []float64 // cumulative
}

// delays reads the count of a direction from the gateway's metrics.
func (g *gateway) delays(ctx context.Context, direction string) (d delays, err error) {
	err = g.metrics(ctx, func(name, labels string, value float64) error {
		if name != "steg_delay_seconds_bucket" || !strings.Contains(labels, `direction="`+direction+`"`) {
			return nil
		}
		_, rest, _ := strings.Cut(labels, `le="`)
		bound, _, _ := strings.Cut(rest, `"`)
		upper, err := strconv.ParseFloat(bound, 64)
		if err != nil {
			return fmt.Errorf("read metrics: %w", err)
		}
		d.bounds, d.counts = append(d.bounds, upper), append(d.counts, value)
		return nil
	})
	return d, err
}

// since leaves out what was counted before.
func (d delays) since(before delays) delays {
	for n := range before.counts {
		d.counts[n] -= before.counts[n]
	}
	return d
}

// percentile returns the p-th of 100, straight between the bounds around it.
func (d delays) percentile(p float64) time.Duration {
	if len(d.counts) == 0 || d.counts[len(d.counts)-1] == 0 {
		return 0
	}
	want := d.counts[len(d.counts)-1] * p / 100
	lower, below := 0.0, 0.0
	for n, count := range d.counts {
		if count >= want {
			upper := d.bounds[n]
			if n == len(d.bounds)-1 { // without bound
				upper = lower
			}
			return time.Duration((lower + (upper-lower)*(want-below)/max(count-below, 1)) * float64(time.Second))
		}
		lower, below = d.bounds[n], count
	}
	return 0
}
