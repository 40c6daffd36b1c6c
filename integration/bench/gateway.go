package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// gateway is the steg binary, running.
type gateway struct {
	cmd    *exec.Cmd
	born   time.Time
	push   string // where it takes transactions
	admin  string // where it answers health
	log    string
	client *http.Client
}

// freePort finds a free port on loopback.
func freePort(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// startGateway starts steg with its files in dir and waits until it can take
// messages in.
func startGateway(ctx context.Context, binary, dir, homeserver, mattermost, dsn string) (*gateway, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	push, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	admin, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	config, err := writeConfig(dir, homeserver, mattermost, dsn, push, admin)
	if err != nil {
		return nil, err
	}
	g := &gateway{push: "http://" + push, admin: "http://" + admin, log: filepath.Join(dir, "steg.log"), client: &http.Client{Timeout: time.Minute}}
	out, err := os.OpenFile(g.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	g.cmd = exec.CommandContext(ctx, binary, "run", "--config", config)
	g.cmd.Stdout, g.cmd.Stderr = out, out
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	g.born = time.Now()
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start steg: %w", err)
	}
	if err := poll(ctx, time.Minute, func() bool { return g.ready(ctx) }); err != nil {
		text, _ := os.ReadFile(g.log)
		return nil, errors.Join(fmt.Errorf("steg is not ready: %w: %s", err, text), g.stop())
	}
	return g, nil
}

// ready asks the gateway whether it can take messages in.
func (g *gateway) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.admin+"/health/ready", nil)
	if err != nil {
		return false
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// stop ends the gateway gracefully.
func (g *gateway) stop() error {
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return g.cmd.Wait()
}

// poll waits for a condition.
func poll(ctx context.Context, limit time.Duration, cond func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
