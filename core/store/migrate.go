package store

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jmoiron/sqlx"

	"github.com/steg-bridge/steg/migrations"
)

// migrateLock is the advisory lock that keeps two processes from migrating at
// once on PostgreSQL: "steg" in ASCII.
const migrateLock = 0x73746567

// migrate brings the schema up to date. It runs no DDL when there is nothing to
// do: on a live queue that would fight with the processes that use it.
func (s *Store) migrate(ctx context.Context, existing bool) error {
	version, err := s.version(ctx, s.r)
	if err != nil {
		return err
	}
	if done, err := upToDate(version, existing); done || err != nil {
		return err
	}
	if s.dialect == migrations.SQLite {
		lock, err := lockFile(ctx, s.lockPath(), s.now())
		if err != nil {
			return err
		}
		defer lock.release()
	}
	all, err := migrations.All(s.dialect)
	if err != nil {
		return err
	}
	return s.inTx(ctx, "upgrade database", func(ctx context.Context, tx *sqlx.Tx) error {
		if s.dialect == migrations.Postgres {
			if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", migrateLock); err != nil {
				return err
			}
		}
		version, err := s.version(ctx, tx) // another process may have been faster
		if err != nil {
			return err
		}
		if done, err := upToDate(version, false); done || err != nil {
			return err
		}
		return s.apply(ctx, tx, all[version:])
	})
}

func (s *Store) apply(ctx context.Context, tx *sqlx.Tx, steps []migrations.Migration) error {
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS steg_schema (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)"); err != nil {
		return err
	}
	for _, m := range steps {
		for _, stmt := range m.Statements {
			if _, err := tx.ExecContext(ctx, stmt); err != nil {
				return fmt.Errorf("migration %d (%s): %w", m.Version, m.Name, err)
			}
		}
		if _, err := exec(ctx, tx, "INSERT INTO steg_schema (version, name, applied_at) VALUES (?, ?, ?)", m.Version, m.Name, s.stamp()); err != nil {
			return err
		}
		s.log.LogAttrs(ctx, slog.LevelInfo, "database schema upgraded", slog.Int("version", m.Version))
	}
	return nil
}

// upToDate says whether nothing is to be done.
func upToDate(version int, existing bool) (bool, error) {
	latest := migrations.Latest()
	switch {
	case version == latest:
		return true, nil
	case version > latest:
		return false, fmt.Errorf("this database was written by a newer steg (schema %d, this steg knows %d): install the newer version, or restore a backup", version, latest)
	case existing && version == 0:
		return false, ErrEmpty
	case existing:
		return false, fmt.Errorf("%w (schema %d, this steg writes %d): restart steg run with this version first", ErrOlder, version, latest)
	}
	return false, nil
}

// version reads the schema's version; 0 is an empty database.
func (s *Store) version(ctx context.Context, x execer) (int, error) {
	query := "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'steg_schema'"
	if s.dialect == migrations.Postgres {
		query = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = ANY(current_schemas(false)) AND tablename = 'steg_schema'"
	}
	var n int
	if err := x.GetContext(ctx, &n, query); err != nil {
		return 0, wrap("read schema version", err)
	}
	if n == 0 {
		return 0, nil
	}
	if err := x.GetContext(ctx, &n, "SELECT COALESCE(MAX(version), 0) FROM steg_schema"); err != nil {
		return 0, wrap("read schema version", err)
	}
	return n, nil
}
