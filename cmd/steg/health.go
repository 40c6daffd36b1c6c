package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// healthTime is less than what Docker waits for a health check by default.
const healthTime = 8 * time.Second

func runHealth(ctx context.Context, a *app, c *call) error {
	live := c.flags.Bool("live", false, "ask only whether the process serves, not whether it can accept messages")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	cfg, err := a.load(c)
	if err != nil {
		return err
	}
	if cfg.Admin.Listen == "" {
		return errors.New("admin.listen is off in the configuration, so there is nothing to ask")
	}
	path := "/health/ready"
	if *live {
		path = "/health/live"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(cfg.Admin.Listen)+path, nil)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("steg does not answer on %s: is it running?", reachable(cfg.Admin.Listen))
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(text)))
	}
	fmt.Fprint(a.out, string(text))
	return nil
}
