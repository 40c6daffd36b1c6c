package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	_ "modernc.org/sqlite" // the driver "sqlite": SQLite without cgo

	"github.com/steg-bridge/steg/migrations"
)

// pageSize keeps most events in one page.
const pageSize = 4096

// busyTimeout is how long SQLite waits for a lock of another connection, in
// milliseconds.
const busyTimeout = 10_000

// pgConns bounds the connections of one process to PostgreSQL.
const pgConns = 12

func (s *Store) connect(ctx context.Context, o Options) error {
	kind, rest, _ := strings.Cut(o.DSN, ":")
	switch kind {
	case "sqlite":
		return s.connectSQLite(ctx, rest, o.Existing)
	case "postgres", "postgresql":
		return s.connectPostgres(ctx, o.DSN)
	}
	return fmt.Errorf("database: want sqlite:path/to/file or postgres://user@host/name, not %q", kind+":…")
}

func (s *Store) connectSQLite(ctx context.Context, path string, existing bool) error {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return errors.New("database: sqlite: needs a file: what Steg accepts must survive it")
	}
	s.dialect, s.path = migrations.SQLite, path
	if err := touch(path, existing); err != nil {
		return err
	}
	open := func(size int, txlock string, pragmas ...string) (*sqlx.DB, error) {
		q := url.Values{"_txlock": {txlock}}
		for _, p := range append([]string{
			fmt.Sprintf("busy_timeout(%d)", busyTimeout), "synchronous(FULL)", "foreign_keys(1)", "secure_delete(ON)",
		}, pragmas...) {
			q.Add("_pragma", p)
		}
		uri := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
		db, err := sqlx.Open("sqlite", uri.String())
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(size)
		db.SetMaxIdleConns(size)
		return db, nil
	}
	var err error
	if s.w, err = open(1, "immediate", fmt.Sprintf("page_size(%d)", pageSize), "journal_mode(WAL)", "wal_autocheckpoint(4000)",
		"journal_size_limit(67108864)", "cache_size(-4096)"); err != nil {
		return wrap("open database", err)
	}
	if s.r, err = open(max(2, min(4, runtime.NumCPU())), "deferred", "query_only(1)", "cache_size(-1024)"); err != nil {
		return errors.Join(wrap("open database", err), s.w.Close())
	}
	// The writer first: it makes the file a WAL database.
	for _, db := range []*sqlx.DB{s.w, s.r} {
		if err := db.PingContext(ctx); err != nil {
			return errors.Join(sqliteOpenError(path, err), s.disconnect())
		}
	}
	return nil
}

// touch creates the file for its owner alone; SQLite gives its side files the
// same mode.
func touch(path string, existing bool) error {
	flags := os.O_RDWR
	if !existing {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o600) //nolint:gosec // the operator names the path
	switch {
	case err == nil:
		return f.Close()
	case errors.Is(err, fs.ErrNotExist) && existing:
		return fmt.Errorf("database %s %w: start steg run once, or correct the path", path, ErrAbsent)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("database %s: the folder %s does not exist: create it, or correct the path", path, filepath.Dir(path))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("database %s: this user may not write there: change the owner of file and folder, or the path: %w", path, err)
	}
	return fmt.Errorf("open database %s: %w", path, err)
}

func sqliteOpenError(path string, err error) error {
	err = wrap("open database "+path, err)
	if strings.Contains(err.Error(), "not a database") {
		return fmt.Errorf("%w: the file is something else, or damaged: correct the path, or restore a backup", err)
	}
	if strings.Contains(err.Error(), "readonly") || strings.Contains(err.Error(), "read-only") {
		return fmt.Errorf("%w: the folder must be writable too, for the files beside the database", err)
	}
	return err
}

func (s *Store) connectPostgres(ctx context.Context, dsn string) error {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The driver's text may quote the DSN, which holds the password.
		return errors.New("database: the postgres:// address cannot be read: want postgres://user:password@host:5432/name?sslmode=…, with special characters percent-encoded")
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "steg"
	}
	// Rows come and go so fast that the planner's picture of the queue's tables is
	// always old; with a scan of a whole table where an index serves, a lane of a
	// thousand waits for a million dead rows. Plans are therefore made once, for
	// indexes and nested loops.
	for name, value := range map[string]string{
		"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off",
	} {
		if _, set := cfg.RuntimeParams[name]; !set {
			cfg.RuntimeParams[name] = value
		}
	}
	s.dialect = migrations.Postgres
	// A server set to answer before the log is on disk would break the promise.
	durable := stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`)
		return err
	})
	s.w = sqlx.NewDb(stdlib.OpenDB(*cfg, durable), "pgx")
	s.w.SetMaxOpenConns(pgConns)
	s.w.SetMaxIdleConns(pgConns)
	s.r = s.w
	var fsync string
	if err := s.w.GetContext(ctx, &fsync, "SHOW fsync"); err != nil {
		return errors.Join(postgresOpenError(cfg, err), s.w.Close())
	}
	if fsync != "on" {
		s.log.LogAttrs(ctx, logWarn, "the PostgreSQL server runs with fsync off: a power cut loses messages")
	}
	return nil
}

func postgresOpenError(cfg *pgx.ConnConfig, err error) error {
	where := fmt.Sprintf("database %s on %s port %d", cfg.Database, cfg.Host, cfg.Port)
	switch code := pgCode(err); {
	case code == "28P01" || code == "28000":
		return fmt.Errorf("%s refuses the login: correct user and password, or pg_hba.conf (%s)", where, code)
	case code == "3D000":
		return fmt.Errorf("%s does not exist: create it (createdb), or correct the name", where)
	case code != "":
		return wrap("open "+where, err)
	}
	return fmt.Errorf("%s cannot be reached: is the server running, and is the address right? %w", where, wrap("connect", err))
}
