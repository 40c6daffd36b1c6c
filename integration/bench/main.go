package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// plan is what to measure.
type plan struct {
	only     []string // scenarios
	database string   // sqlite, postgres or both

	portals  int
	messages int
	seconds  int // of the latency run

	backlog        int
	idlePortals    int
	idlePeople     int
	idleSeconds    int
	failingSeconds int
	failingAs      ailment
	threeMessages  int
	fileMiB        int
	crowd          int
	crowdSeconds   int
	crowdWait      bool
}

// scenarios are what can be measured, in the order in which it is.
func scenarios() []string {
	return []string{"throughput", "backlog", "idle", "failing", "three", "files", "crowd", "storm"}
}

func main() {
	p := plan{}
	flag.IntVar(&p.portals, "portals", 1000, "linked chats")
	flag.IntVar(&p.messages, "messages", 50_000, "throughput: messages per direction at full load")
	flag.IntVar(&p.seconds, "seconds", 20, "throughput: length of the latency run at 100 messages per second")
	flag.IntVar(&p.backlog, "backlog", 100_000, "backlog: messages while the homeserver is away")
	flag.IntVar(&p.idlePortals, "idle-portals", 10_000, "idle: linked chats")
	flag.IntVar(&p.idlePeople, "idle-people", 100_000, "idle: known people")
	flag.IntVar(&p.idleSeconds, "idle-seconds", 10, "idle: how long nothing happens")
	flag.IntVar(&p.failingSeconds, "failing-seconds", 15, "failing: how long one chat fails")
	ailing := flag.String("failing-as", string(failing500), "failing: what requests about that chat get: 500, 502 or silence")
	flag.IntVar(&p.threeMessages, "three-messages", 20_000, "three: messages per direction at full load")
	flag.IntVar(&p.fileMiB, "file-mib", 100, "files: size of the file that crosses, in MiB")
	flag.IntVar(&p.crowd, "crowd", 10_000, "crowd: people who join one chat")
	flag.IntVar(&p.crowdSeconds, "crowd-seconds", 15, "crowd: how long messages are measured meanwhile")
	flag.BoolVar(&p.crowdWait, "crowd-wait", false, "crowd: wait until all have joined")
	flag.StringVar(&p.database, "database", "both", "sqlite, postgres or both")
	only := flag.String("only", strings.Join(scenarios(), ","), "what to measure")
	flag.Parse()
	p.only, p.failingAs = strings.Split(*only, ","), ailment(*ailing)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, p); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// check finds what nobody can have meant.
func (p plan) check() error {
	for _, name := range p.only {
		if !slices.Contains(scenarios(), name) {
			return fmt.Errorf("-only: there is no %q, only %s", name, strings.Join(scenarios(), ", "))
		}
	}
	if !slices.Contains([]string{"sqlite", "postgres", "both"}, p.database) {
		return errors.New("-database: want sqlite, postgres or both")
	}
	if !slices.Contains([]ailment{failing500, failing502, failingSilence}, p.failingAs) {
		return errors.New("-failing-as: want 500, 502 or silence")
	}
	if p.portals < 2 {
		return errors.New("-portals: want 2 at least")
	}
	return nil
}

// bench is what all scenarios share.
type bench struct {
	plan

	dir    string
	binary string
	pg     *harness.Postgres // nil until somebody needs it
	lines  report
}

func run(ctx context.Context, p plan) (err error) {
	if err := p.check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "steg-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL runs under another account and must get through
		return err
	}
	b := &bench{plan: p, dir: dir}
	if b.binary, err = world.Build(ctx, dir); err != nil {
		return err
	}
	defer func() {
		if b.pg != nil {
			_ = b.pg.Kill() // its folder goes too
		}
	}()
	measure := map[string]func(context.Context) error{
		"throughput": b.throughput, "backlog": b.backlogs, "idle": b.idles, "failing": b.failings, "three": b.three,
		"files": b.files, "crowd": b.crowds, "storm": b.storms,
	}
	for _, name := range scenarios() {
		if !slices.Contains(p.only, name) {
			continue
		}
		if err := measure[name](ctx); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", name, err), b.lines.print(p)) // what was measured before it
		}
	}
	return b.lines.print(p)
}

// state is what the operator's command says of a gateway.
func state(ctx context.Context, binary, config string) string {
	text, err := exec.CommandContext(ctx, binary, "status", "--config", config).CombinedOutput()
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-1500):])
}
