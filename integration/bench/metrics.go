package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// metrics reads the gateway's metrics and shows each of them to visit.
func (g *gateway) metrics(ctx context.Context, visit func(name, labels string, value float64) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.admin+"/metrics", nil)
	if err != nil {
		return err
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return fmt.Errorf("read metrics: %w", err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		// steg_delay_seconds_bucket{bridge="mm",direction="in",le="0.002"} 17
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		key, text, _ := strings.Cut(lines.Text(), " ")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("read metrics: %w", err)
		}
		name, labels, _ := strings.Cut(key, "{")
		if err := visit(name, labels, value); err != nil {
			return err
		}
	}
	return lines.Err()
}

// account is the gateway's own account of a direction.
type account struct{ received, delivered, dropped, dead, pending int }

func (g *gateway) account(ctx context.Context, direction string) (a account, err error) {
	err = g.metrics(ctx, func(name, labels string, value float64) error {
		if !strings.Contains(labels, `direction="`+direction+`"`) {
			return nil
		}
		switch name {
		case "steg_received_total":
			a.received += int(value)
		case "steg_delivered_total":
			a.delivered += int(value)
		case "steg_dropped_total":
			a.dropped += int(value)
		case "steg_dead":
			a.dead += int(value)
		case "steg_pending":
			a.pending += int(value)
		}
		return nil
	})
	return a, err
}

// connected tells whether the gateway has read what it missed in all chats.
func (g *gateway) connected(ctx context.Context) bool {
	found := false
	err := g.metrics(ctx, func(name, labels string, value float64) error {
		found = found || name == "steg_login_state" && strings.Contains(labels, `state="connected"`) && value == 1
		return nil
	})
	return err == nil && found
}
