package store

import (
	"context"
	"fmt"
	"testing"

	"github.com/jmoiron/sqlx"
)

// Pools are all connection pools, with their sizes.
func (s *Store) Pools() map[*sqlx.DB]int {
	return map[*sqlx.DB]int{s.w: s.w.Stats().MaxOpenConnections, s.r: s.r.Stats().MaxOpenConnections}
}

// Writer is the pool that writes.
func (s *Store) Writer() *sqlx.DB { return s.w }

// LimitPages makes SQLite's disk full once the file has n pages more than now;
// a large n gives the space back.
func (s *Store) LimitPages(t *testing.T, n int) {
	t.Helper()
	var now int
	if err := s.w.Get(&now, "PRAGMA page_count"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.w.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", now+n)); err != nil {
		t.Fatal(err)
	}
}

// Exec runs a statement.
func (s *Store) Exec(ctx context.Context, query string, args ...any) error {
	_, err := exec(ctx, s.w, query, args...)
	return err
}

// ID is the name of an instance in the database.
func (i *Instance) ID() string { return i.id }

// Crash ends an instance as kill -9 would: nothing is written, the kernel gives
// the file lock back, the lease runs out.
func (i *Instance) Crash(t *testing.T) {
	t.Helper()
	if i.lock != nil {
		i.lock.release()
	}
	if _, err := exec(context.WithoutCancel(t.Context()), i.s.w, "UPDATE instance SET beat_at = 0 WHERE id = ?", i.id); err != nil {
		t.Fatal(err)
	}
}
