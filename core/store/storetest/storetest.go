package storetest

import (
	"path/filepath"
	"testing"

	"github.com/steg-bridge/steg/core/store"
)

// DB is a fresh, empty database.
type DB struct {
	DSN   string
	Multi bool // several processes may share it (PostgreSQL)
}

// SQLite makes an address in a folder of the test's own.
func SQLite(t testing.TB) DB {
	t.Helper()
	return DB{DSN: "sqlite:" + filepath.Join(t.TempDir(), "steg.db")}
}

// Each runs a test on every kind of database, in parallel.
func Each(t *testing.T, test func(t *testing.T, db DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, SQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Postgres(t))
	})
}

// Open opens the database until the test ends. change may alter the options.
func (d DB) Open(t testing.TB, change ...func(*store.Options)) *store.Store {
	t.Helper()
	o := store.Options{DSN: d.DSN}
	for _, f := range change {
		f(&o)
	}
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	return s
}

// Instance registers this process until the test ends.
func Instance(t testing.TB, s *store.Store) *store.Instance {
	t.Helper()
	i, err := s.AcquireInstance(t.Context())
	if err != nil {
		t.Fatalf("register process: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		if err := i.Release(cleanup(t)); err != nil && !store.Temporary(err) {
			t.Errorf("unregister process: %v", err)
		}
	})
	return i
}
