package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/steg-bridge/steg/integration/harness"
)

// The databases.
const (
	sqlite   = "SQLite"
	postgres = "PostgreSQL"
)

// stage is the two peers of a gateway and its database.
type stage struct {
	b        *bench
	database string
	dir      string
	dsn      string
	hs       *homeserver
	mm       *mattermost
	hsServer *httptest.Server
	mmServer *httptest.Server
	running  []*gateway
}

// databases lists those that were asked for.
func (b *bench) databases() []string {
	switch b.database {
	case "sqlite":
		return []string{sqlite}
	case "postgres":
		return []string{postgres}
	}
	return []string{sqlite, postgres}
}

// first is the database for what is measured on one only.
func (b *bench) first() []string { return b.databases()[:1] }

// on lets f work on a stage, with a database and folder of its own, and clears up.
func (b *bench) on(ctx context.Context, scenario, database string, portals int, f func(*stage) error) (err error) {
	s := &stage{
		b: b, database: database, dir: filepath.Join(b.dir, scenario+"-"+database), dsn: "sqlite:steg.db",
		hs: newHomeserver(b.failingAs), mm: newMattermost(portals, b.failingAs),
	}
	if database == postgres {
		if s.dsn, err = b.postgres(ctx, scenario); err != nil {
			return err
		}
	}
	s.hsServer, s.mmServer = httptest.NewServer(s.hs), httptest.NewServer(s.mm)
	defer func() { s.hsServer.CloseClientConnections(); s.hsServer.Close() }()
	defer func() { s.mmServer.CloseClientConnections(); s.mmServer.Close() }()
	defer func() { err = errors.Join(err, s.end(ctx, err != nil)) }()
	return f(s)
}

// postgres makes an empty database.
func (b *bench) postgres(ctx context.Context, name string) (dsn string, err error) {
	if b.pg == nil {
		if b.pg, err = harness.StartPostgres(ctx, harness.PostgresOptions{Dir: filepath.Join(b.dir, "pg")}); err != nil {
			return "", err
		}
	}
	return b.pg.CreateDatabase(ctx, name)
}

// say tells the impatient what is going on.
func (s *stage) say(format string, args ...any) {
	fmt.Printf("%s: %s …\n", s.database, fmt.Sprintf(format, args...))
}

// start starts a gateway that keeps its configuration in a folder of that name.
func (s *stage) start(ctx context.Context, name string) (*gateway, error) {
	g, err := startGateway(ctx, s.b.binary, filepath.Join(s.dir, name), s.hsServer.URL, s.mmServer.URL, s.dsn)
	if err != nil {
		return nil, err
	}
	s.running = append(s.running, g)
	return g, nil
}

// stop stops a gateway.
func (s *stage) stop(g *gateway) error {
	s.running = slices.DeleteFunc(s.running, func(o *gateway) bool { return o == g })
	return g.stop()
}

// end stops all gateways. After a failure it shows what they have to say.
func (s *stage) end(ctx context.Context, failed bool) (err error) {
	for _, g := range s.running {
		if failed {
			fmt.Fprintln(os.Stderr, state(ctx, s.b.binary, filepath.Join(filepath.Dir(g.log), "steg.yaml")))
		}
		if stopped := g.stop(); stopped != nil {
			err, failed = errors.Join(err, stopped), true
		}
		if failed {
			text, _ := os.ReadFile(g.log)
			fmt.Fprintf(os.Stderr, "%s\n", text[:min(len(text), 4000)])
		}
	}
	return err
}

// startWarm starts a gateway, links all chats and waits until they carry messages.
func (s *stage) startWarm(ctx context.Context) (*gateway, error) {
	g, err := s.start(ctx, "gateway")
	if err != nil {
		return nil, err
	}
	return g, s.warm(ctx)
}

// warm waits until every chat is linked, followed and has its room and ghost.
func (s *stage) warm(ctx context.Context) error {
	portals := len(s.mm.channels)
	s.say("linking %d chats", portals)
	if err := s.socket(ctx, 1); err != nil {
		return err
	}
	in := inward(s.hs, s.mm, portals)
	s.hs.meter.reset()
	// A chat takes what is written once it is followed: write until all do.
	deadline := time.Now().Add(5 * time.Minute)
	for round := 0; ; round++ {
		if err := in.hand(ctx, round*portals, portals); err != nil {
			return err
		}
		var seen int
		_ = poll(ctx, 5*time.Second, func() bool { seen = s.hs.meter.lanes(); return seen >= portals })
		if seen >= portals {
			break
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("only %d of %d chats carry messages", seen, portals)
		}
	}
	quiet := -1
	return poll(ctx, time.Minute, func() bool { // what the rounds wrote twice
		n := s.hs.meter.arrivals()
		same := n == quiet
		quiet = n
		return same
	})
}

// socket waits until Mattermost has been connected to for the n-th time.
func (s *stage) socket(ctx context.Context, n int64) error {
	if err := poll(ctx, time.Minute, func() bool { return s.mm.sockets.Load() >= n }); err != nil {
		return fmt.Errorf("the gateway does not connect to Mattermost: %w", err)
	}
	return nil
}
