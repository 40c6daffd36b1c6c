package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/steg-bridge/steg/migrations"
)

// Options says which database to open, and how.
type Options struct {
	// DSN is "sqlite:path/to/file" or "postgres://user@host/database?…".
	DSN string
	Now func() time.Time // nil = time.Now
	Log *slog.Logger     // nil = silent
	// Existing refuses to create or upgrade the database: for commands that run
	// beside the process which serves it.
	Existing bool
}

// Store is the database. All methods may be called from many goroutines.
type Store struct {
	dialect migrations.Dialect
	path    string   // SQLite: the file
	w       *sqlx.DB // SQLite: one connection; PostgreSQL: the pool
	r       *sqlx.DB // SQLite: readers; PostgreSQL: the same pool
	now     func() time.Time
	log     *slog.Logger

	mu     sync.Mutex
	lanes  map[LaneKey]int64      // numbers of lanes that exist; a lane never goes away
	stmts  map[stmtKey]*sqlx.Stmt // SQLite: prepared on w
	wanted map[stmtKey]string     // SQLite: to be prepared
	reads  map[stmtKey]*sqlx.Stmt // SQLite: prepared on r

	byRemote, byEvent *lookups
}

// Open opens the database, creates it when it does not exist and brings its
// schema up to date. Its errors tell people what to change. Close it.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{now: o.Now, log: o.Log, lanes: map[LaneKey]int64{}, stmts: map[stmtKey]*sqlx.Stmt{}, wanted: map[stmtKey]string{}, reads: map[stmtKey]*sqlx.Stmt{}}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.connect(ctx, o); err != nil {
		return nil, err
	}
	s.byRemote = newLookups(s, "by remote", "link.portal = d.portal AND link.remote_id = d.remote_id AND link.remote_id <> ''", "portal:n", "remote_id:t")
	s.byEvent = newLookups(s, "by event", "link.event_id = d.event_id AND link.event_id <> '' AND link.portal = d.portal", "event_id:t", "portal:n")
	if err := s.migrate(ctx, o.Existing); err != nil {
		return nil, errors.Join(err, s.disconnect())
	}
	return s, nil
}

// Close writes back what SQLite keeps in its log and closes all connections.
func (s *Store) Close() error {
	var tidy error
	if s.dialect == migrations.SQLite {
		_, tidy = s.w.Exec("PRAGMA wal_checkpoint(TRUNCATE)") //nolint:forbidigo,noctx // there is no later moment to give up at
	}
	if err := errors.Join(tidy, s.disconnect()); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}

func (s *Store) disconnect() error {
	if s.r == s.w {
		return s.w.Close()
	}
	return errors.Join(s.r.Close(), s.w.Close())
}

// Tidy removes delivered content from SQLite's write-ahead log, where secure
// deletion does not reach. It does nothing on PostgreSQL. A long reader makes it
// a no-op until the next call.
func (s *Store) Tidy(ctx context.Context) error {
	if s.dialect != migrations.SQLite {
		return nil
	}
	conn, err := s.w.Connx(ctx)
	if err != nil {
		return wrap("tidy database", err)
	}
	defer conn.Close() //nolint:errcheck // gives it back to the pool
	// SQLite would keep all writers waiting as long as a reader is at work.
	for _, q := range []string{"PRAGMA busy_timeout = 100", "PRAGMA wal_checkpoint(TRUNCATE)", fmt.Sprintf("PRAGMA busy_timeout = %d", busyTimeout)} {
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), q); err != nil {
			return wrap("tidy database", err)
		}
	}
	return nil
}

// Multi says whether several processes may share this database.
func (s *Store) Multi() bool { return s.dialect == migrations.Postgres }

// stamp is the present time as it is stored.
func (s *Store) stamp() int64 { return s.now().UnixMilli() }

// at turns a stored time back; 0 is the zero time.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// ms turns a time into what is stored; the zero time is 0.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
