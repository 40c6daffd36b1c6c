package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// gateway is the steg binary, running.
type gateway struct {
	cmd    *exec.Cmd
	push   string // where it takes transactions
	admin  string // where it answers health
	log    string
	client *http.Client
	txn    int
}

const (
	asToken = "bench-as-token"
	hsToken = "bench-hs-token"
)

// write makes a configuration and what it names.
func writeConfig(dir, homeserver, mattermost, dsn, push, admin string) (string, error) {
	files := map[string]string{
		"token": "bench-token",
		"registration.yaml": fmt.Sprintf(`id: steg
url: http://%s
as_token: %s
hs_token: %s
sender_localpart: _steg_as
rate_limited: false
receive_ephemeral: true
de.sorunome.msc2409.push_ephemeral: true
protocols: [mattermost]
namespaces:
  users:
  - {regex: '^@_steg_.*:hs\.test$', exclusive: true}
  - {regex: '^@steg:hs\.test$', exclusive: true}
  aliases:
  - {regex: '^#_steg_.*:hs\.test$', exclusive: true}
  rooms: []
`, push, asToken, hsToken),
		"steg.yaml": fmt.Sprintf(`homeserver: {url: "%s", name: %s, listen: "%s"}
database: "%s"
bridges:
  - {id: mm, kind: mattermost, url: "%s", token_file: token}
schools:
  - id: gym
    name: Bench
    language: en
    admins: ["@admin:%[2]s"]
    portals:
      - {bridge: mm, chat: "gym/c*", mode: both}
limits: {loop_per_minute: 0}
admin: {listen: "%[6]s"}
log: {level: warn}
`, homeserver, serverName, push, dsn, mattermost, admin),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("write configuration: %w", err)
		}
	}
	return filepath.Join(dir, "steg.yaml"), nil
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

// startGateway starts steg and waits until it is live.
func startGateway(ctx context.Context, binary, dir, homeserver, mattermost, dsn string) (*gateway, error) {
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
	out, err := os.Create(g.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	g.cmd = exec.CommandContext(ctx, binary, "run", "--config", config)
	g.cmd.Stdout, g.cmd.Stderr = out, out
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start steg: %w", err)
	}
	err = poll(ctx, 30*time.Second, func() bool {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.admin+"/health/live", nil)
		if err != nil {
			return false
		}
		resp, err := g.client.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	if err != nil {
		text, _ := os.ReadFile(g.log)
		return nil, errors.Join(fmt.Errorf("steg is not live: %w: %s", err, text), g.stop())
	}
	return g, nil
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

// event is a message of a person in a room.
type event struct {
	ID      string         `json:"event_id"`
	Room    string         `json:"room_id"`
	Type    string         `json:"type"`
	Sender  string         `json:"sender"`
	Time    int64          `json:"origin_server_ts"`
	Content map[string]any `json:"content"`
}

// transaction pushes events as a homeserver does.
func (g *gateway) transaction(ctx context.Context, events []event) error {
	body, err := json.Marshal(map[string]any{"events": events})
	if err != nil {
		return err
	}
	g.txn++
	req, err := http.NewRequestWithContext(ctx, http.MethodPut,
		fmt.Sprintf("%s/_matrix/app/v1/transactions/%d", g.push, g.txn), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+hsToken)
	resp, err := g.client.Do(req)
	if err != nil {
		return fmt.Errorf("push transaction: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("push transaction: %s: %s", resp.Status, text)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// usage is what a process has used so far.
type usage struct {
	cpu time.Duration // user and system
	rss int64         // bytes now
	hwm int64         // bytes at most
}

// usage reads what the gateway has used from /proc.
func (g *gateway) usage() (usage, error) {
	var u usage
	pid := strconv.Itoa(g.cmd.Process.Pid)
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return u, err
	}
	// Fields 14 and 15, counted after the command's closing bracket; in ticks of
	// 1/100 s (proc(5), USER_HZ).
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const utime, stime = 11, 12
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(n) * 10 * time.Millisecond
	}
	status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			u.rss = kb << 10
		case "VmHWM":
			u.hwm = kb << 10
		}
	}
	return u, nil
}
