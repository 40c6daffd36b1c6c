package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is the PostgreSQL that the tests of one binary share.
type server struct {
	once sync.Once
	err  error
	dsn  string // without a database name, as a URL
	stop func()
	made atomic.Int64
}

// theServer is shared by all tests of a binary, which Go offers no other place for.
var theServer server

// Main runs the tests of a package and stops what they started.
func Main(m *testing.M) int {
	defer func() {
		if theServer.stop != nil {
			theServer.stop()
		}
	}()
	return m.Run()
}

// Postgres makes a database that is dropped when the test ends.
func Postgres(t testing.TB) DB {
	t.Helper()
	s := &theServer
	s.once.Do(func() { s.err = s.start() })
	if s.err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("PostgreSQL is needed in CI: %v", s.err)
		}
		t.Skipf("NO POSTGRESQL, NOT TESTED: %v (install it, or set STEG_TEST_POSTGRES)", s.err)
	}
	name := fmt.Sprintf("steg_test_%d_%d", os.Getpid(), s.made.Add(1))
	if err := s.admin(cleanup(t), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.admin(cleanup(t), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return DB{DSN: u.String(), Multi: true}
}

// Admin runs a statement on the server of a database, outside of it.
func (d DB) Admin(t testing.TB, statement string) {
	t.Helper()
	if err := theServer.admin(cleanup(t), statement); err != nil {
		t.Fatalf("administer: %v", err)
	}
}

// Name is the name of a PostgreSQL database.
func (d DB) Name(t testing.TB) string {
	t.Helper()
	u, err := url.Parse(d.DSN)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

func (s *server) admin(ctx context.Context, statement string) error {
	c, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(ctx))
}

func (s *server) start() error {
	if dsn := os.Getenv("STEG_TEST_POSTGRES"); dsn != "" {
		s.dsn = dsn
		return nil
	}
	bin, err := binaries()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "steg-pg-")
	if err != nil {
		return err
	}
	asUser, err := unprivileged(dir)
	if err != nil {
		return err
	}
	run := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(filepath.Join(bin, name), args...)
		c.Dir = dir
		asUser(c)
		return c
	}
	data := filepath.Join(dir, "data")
	if out, err := run("initdb", "-D", data, "-U", "steg", "-A", "trust", "-E", "UTF8", "--no-locale").CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	var log bytes.Buffer
	p := run("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=128MB")
	p.Stdout, p.Stderr = &log, &log
	if err := p.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	s.stop = func() {
		_ = p.Process.Signal(os.Interrupt) // fast shutdown
		_ = p.Wait()
		_ = os.RemoveAll(dir)
	}
	s.dsn = "postgres://steg@/postgres?host=" + url.QueryEscape(dir)
	return s.await(&log)
}

// await returns once the server answers.
func (s *server) await(log *bytes.Buffer) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.admin(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			s.stop()
			s.stop = nil
			return fmt.Errorf("postgres does not answer: %w: %s", err, log.String())
		case <-tick.C:
		}
	}
}

// binaries finds the newest PostgreSQL server on the machine.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		found = append(found, p)
	}
	if len(found) == 0 {
		return "", errors.New("no PostgreSQL server on this machine")
	}
	version := func(path string) int {
		n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err != nil {
			return 0
		}
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// cleanup is a context that outlives the test's own.
func cleanup(t testing.TB) context.Context {
	t.Helper()
	return context.WithoutCancel(t.Context())
}
