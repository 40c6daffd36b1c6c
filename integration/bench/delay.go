package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.admin+"/metrics", nil)
	if err != nil {
		return d, err
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return d, fmt.Errorf("read metrics: %w", err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		// steg_delay_seconds_bucket{bridge="mm",direction="in",le="0.002"} 17
		name, value, _ := strings.Cut(lines.Text(), " ")
		if !strings.HasPrefix(name, "steg_delay_seconds_bucket{") || !strings.Contains(name, `direction="`+direction+`"`) {
			continue
		}
		_, rest, _ := strings.Cut(name, `le="`)
		bound, _, _ := strings.Cut(rest, `"`)
		upper, err := strconv.ParseFloat(bound, 64)
		if err != nil {
			return d, fmt.Errorf("read metrics: %w", err)
		}
		count, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return d, fmt.Errorf("read metrics: %w", err)
		}
		d.bounds, d.counts = append(d.bounds, upper), append(d.counts, count)
	}
	return d, lines.Err()
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
