package store_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
	"github.com/steg-bridge/steg/migrations"
)

// open returns the error of an Open, and closes what opened.
func open(t *testing.T, o store.Options) error {
	t.Helper()
	s, err := store.Open(t.Context(), o)
	if err == nil {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	return err
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

func TestSchemaVersions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		dsn := db.DSN
		if !db.Multi {
			wantError(t, open(t, store.Options{DSN: dsn, Existing: true}), "does not exist", "steg run")
		} else {
			wantError(t, open(t, store.Options{DSN: dsn, Existing: true}), "empty", "steg run")
		}
		s := db.Open(t)
		if err := open(t, store.Options{DSN: dsn, Existing: true}); err != nil {
			t.Errorf("open for a command: %v", err)
		}
		ctx, next := t.Context(), migrations.Latest()+4
		if err := s.Exec(ctx, "INSERT INTO steg_schema (version, name, applied_at) VALUES (?, 'future', 0)", next); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("written by a newer steg (schema %d, this steg knows %d)", next, migrations.Latest())
		wantError(t, open(t, store.Options{DSN: dsn}), want, "install the newer version, or restore a backup")
		wantError(t, open(t, store.Options{DSN: dsn, Existing: true}), want)
		if err := s.Exec(ctx, "DELETE FROM steg_schema"); err != nil {
			t.Fatal(err)
		}
		if err := s.Exec(ctx, "INSERT INTO steg_schema (version, name, applied_at) VALUES (0, 'ancient', 0)"); err != nil {
			t.Fatal(err)
		}
		wantError(t, open(t, store.Options{DSN: dsn, Existing: true}), "start steg run once")
	})
}

// An open of an up-to-date database must not touch the tables of a live queue.
func TestOpenRunsNoDDL(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	s := db.Open(t)
	tx, err := s.Writer().BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was changed
	if _, err := tx.Exec("LOCK TABLE lane, item, link, portal, kv, instance IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	if err := open(t, store.Options{DSN: db.DSN}); err != nil {
		t.Error(err)
	}
}

func TestMigratesOnceWhenManyStart(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if err := open(t, store.Options{DSN: db.DSN}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestErrorsSayWhatToChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := filepath.Join(dir, "letter.odt")
	if err := os.WriteFile(other, []byte(strings.Repeat("this is no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for dsn, want := range map[string][]string{
		"":                                   {"want sqlite:path/to/file or postgres://"},
		"mysql://x":                          {"want sqlite:path/to/file or postgres://"},
		"sqlite:":                            {"needs a file"},
		"sqlite::memory:":                    {"needs a file"},
		"sqlite:" + dir + "/no/such/steg.db": {"folder", "does not exist", "create it, or correct the path"},
		"sqlite:" + other:                    {"not a database", "correct the path, or restore a backup"},
		"sqlite:" + dir:                      {"directory"},
		fmt.Sprintf("postgres://me:geheim@127.0.0.1:%s/steg", port): {"cannot be reached", "is the server running"},
		"postgres://me:geh%zzeim@127.0.0.1/steg":                    {"cannot be read", "percent-encoded"},
	} {
		err := open(t, store.Options{DSN: dsn})
		wantError(t, err, want...)
		if err != nil && strings.Contains(err.Error(), "geh") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	db := storetest.Postgres(t)
	wantError(t, open(t, store.Options{DSN: strings.Replace(db.DSN, db.Name(t), "no_such_database", 1)}), "no_such_database", "does not exist: create it")
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	s := db.Open(t)
	storetest.Instance(t, s)
	path := strings.TrimPrefix(db.DSN, "sqlite:")
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		st, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", suffix, st.Mode())
		}
	}
}

func TestEveryConnectionIsDurable(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		want := map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000", "secure_delete": "1"}
		get := func(c *sqlx.Conn, name string) (v string, err error) {
			err = c.GetContext(t.Context(), &v, "PRAGMA "+name)
			return v, err
		}
		dsn := db
		if db.Multi {
			want = map[string]string{"synchronous_commit": "on"}
			get = func(c *sqlx.Conn, name string) (v string, err error) {
				err = c.GetContext(t.Context(), &v, "SHOW "+name)
				return v, err
			}
			dsn.DSN += "&synchronous_commit=off" // as a server's default may be
		}
		s := dsn.Open(t)
		for pool, size := range s.Pools() {
			conns := make([]*sqlx.Conn, size)
			for n := range conns { // all at once, so that each is another one
				c, err := pool.Connx(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close() //nolint:errcheck // all of them stay open until the end
				for name, value := range want {
					if got, err := get(c, name); err != nil || got != value {
						t.Errorf("connection %d: %s is %q, %v", n, name, got, err)
					}
				}
				conns[n] = c
			}
		}
	})
}

// Tidying gives up soon when somebody reads for long, and leaves the connection
// as it was.
func TestTidyKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t).Open(t)
	ok(t, s.SetValue(t.Context(), "", "", "x", "1"))
	for pool, size := range s.Pools() {
		if size == 1 {
			continue
		}
		tx, err := pool.BeginTxx(t.Context(), nil)
		ok(t, err)
		defer tx.Rollback() //nolint:errcheck // it only read
		var n int
		ok(t, tx.Get(&n, "SELECT COUNT(*) FROM kv"))
	}
	ok(t, s.SetValue(t.Context(), "", "", "x", "2"))
	began := time.Now()
	ok(t, s.Tidy(t.Context()))
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("waited %v for a reader", took)
	}
	var timeout int
	ok(t, s.Writer().Get(&timeout, "PRAGMA busy_timeout"))
	if timeout != 10_000 {
		t.Errorf("busy timeout is %d afterwards", timeout)
	}
}

// The path is the operator's: it may hold anything that a file name may.
func TestStrangePaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"mit leer.db", "50%.db", "a?b.db", "a#b&c=d.db", "grün.db"} {
		path := filepath.Join(t.TempDir(), name)
		if err := open(t, store.Options{DSN: "sqlite:" + path}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecondStartIsRefused(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	s := db.Open(t)
	first, err := s.AcquireInstance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := db.Open(t) // a command beside the running process may read and write
	if err := other.SetValue(t.Context(), "", "", "x", "y"); err != nil {
		t.Error(err)
	}
	_, err = other.AcquireInstance(t.Context())
	wantError(t, err, "another steg", fmt.Sprintf("pid %d", os.Getpid()), "stop it first")
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := other.AcquireInstance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}
