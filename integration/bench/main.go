package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// plan is what to measure.
type plan struct {
	portals  int
	messages int
	seconds  int // of the latency run
}

func main() {
	p := plan{}
	flag.IntVar(&p.portals, "portals", 1000, "linked chats")
	flag.IntVar(&p.messages, "messages", 50_000, "messages per direction at full load")
	flag.IntVar(&p.seconds, "seconds", 20, "length of the latency run at 100 messages per second")
	databases := flag.String("database", "both", "sqlite, postgres or both")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, p, *databases); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan, databases string) error {
	dir, err := os.MkdirTemp("", "steg-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL runs under another account and must get through
		return err
	}
	binary, err := world.Build(ctx, dir)
	if err != nil {
		return err
	}
	var rows []row
	if databases != "postgres" {
		got, err := measure(ctx, p, binary, filepath.Join(dir, "sqlite"), "SQLite", "sqlite:steg.db")
		if err != nil {
			return err
		}
		rows = append(rows, got...)
	}
	if databases != "sqlite" {
		pg, err := harness.StartPostgres(ctx, harness.PostgresOptions{Dir: filepath.Join(dir, "pg")})
		if err != nil {
			return err
		}
		defer pg.Kill() //nolint:errcheck // its folder goes too
		dsn, err := pg.CreateDatabase(ctx, "steg")
		if err != nil {
			return err
		}
		got, err := measure(ctx, p, binary, filepath.Join(dir, "postgres"), "PostgreSQL", dsn)
		if err != nil {
			return err
		}
		rows = append(rows, got...)
	}
	return report(p, rows)
}

// measure runs one gateway through all loads.
func measure(ctx context.Context, p plan, binary, dir, database, dsn string) (rows []row, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	hs, mm := newHomeserver(), newMattermost(p.portals)
	hsServer, mmServer := httptest.NewServer(hs), httptest.NewServer(mm)
	defer func() { hsServer.CloseClientConnections(); hsServer.Close() }()
	defer func() { mmServer.CloseClientConnections(); mmServer.Close() }()
	g, err := startGateway(ctx, binary, dir, hsServer.URL, mmServer.URL, dsn)
	if err != nil {
		return nil, err
	}
	defer func() {
		var state []byte
		if err != nil {
			state, _ = exec.CommandContext(ctx, binary, "status", "--config", filepath.Join(dir, "steg.yaml")).CombinedOutput()
		}
		err = errors.Join(err, g.stop())
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s\n", state[max(0, len(state)-4000):])
			text, _ := os.ReadFile(g.log)
			fmt.Fprintf(os.Stderr, "%s\n", text[:min(len(text), 4000)])
		}
	}()
	fmt.Printf("%s: linking %d chats …\n", database, p.portals)
	if err := warm(ctx, p, hs, mm); err != nil {
		return nil, err
	}
	in, out := inward(hs, mm, p.portals), outward(g, mm, p.portals, "full")
	for _, s := range []side{in, out} {
		r := row{database: database, direction: s.name}
		fmt.Printf("%s: %s, %d messages at full load …\n", database, s.name, p.messages)
		if err := throughput(ctx, g, s, p.messages, &r); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	slow := outward(g, mm, p.portals, "slow")
	for i, s := range []side{in, slow} {
		fmt.Printf("%s: %s, 100 messages per second for %d s …\n", database, s.name, p.seconds)
		if err := latency(ctx, g, s, p.seconds*100, &rows[i]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// warm waits until every chat is linked, followed and has its room and ghost.
func warm(ctx context.Context, p plan, hs *homeserver, mm *mattermost) error {
	select {
	case <-mm.up:
	case <-time.After(30 * time.Second):
		return errors.New("the gateway does not connect to Mattermost")
	}
	s := inward(hs, mm, p.portals)
	hs.meter.reset()
	// A chat takes what is written once it is followed: write until all do.
	deadline := time.Now().Add(5 * time.Minute)
	for round := 0; ; round++ {
		if err := s.hand(ctx, round*p.portals, p.portals); err != nil {
			return err
		}
		var seen int
		_ = poll(ctx, 5*time.Second, func() bool { seen = hs.meter.lanes(); return seen >= p.portals })
		if seen >= p.portals {
			break
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("only %d of %d chats carry messages", seen, p.portals)
		}
	}
	quiet := -1
	return poll(ctx, time.Minute, func() bool { // what the rounds wrote twice
		n := hs.meter.arrivals()
		same := n == quiet
		quiet = n
		return same
	})
}

func report(p plan, rows []row) error {
	fmt.Printf("\nThe gateway alone between instant peers: %d portals, %d cores, %s, %s\n\n", p.portals, runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format("2006-01-02"))
	fmt.Println("| database | direction | messages/s | added at 100/s, p50 | p99 | all the way, p50 | p99 | CPU s per 1,000 (full load) | CPU s per 1,000 (100/s) | memory at most |")
	fmt.Println("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
	var problems []string
	for _, r := range rows {
		fmt.Printf("| %s | %s | %.0f | %s | %s | %s | %s | %.2f | %.2f | %d MB |\n", r.database, r.direction, r.rate,
			ms(r.p50), ms(r.p99), ms(r.through50), ms(r.through99), r.cpu.Seconds(), r.cpuSlow.Seconds(), r.rss>>20)
		problems = append(problems, r.problems...)
	}
	if len(problems) > 0 {
		return fmt.Errorf("messages came doubled or out of order: %v", problems)
	}
	fmt.Println("\nAdded: from taking a message in until its send starts. All the way: from the socket on one side to the socket on the")
	fmt.Println("other; the Mattermost bridge holds posts back for at least 4 ms, to put those written at the same moment in order.")
	fmt.Println("Order was kept in every portal, nothing came twice.")
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }
