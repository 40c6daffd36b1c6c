package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/steg-bridge/steg/migrations"
)

// inTx runs f in a transaction, the only way to write more than one row. A
// deadlock on PostgreSQL is tried again, since nothing of it happened.
//
// On SQLite a started transaction is not interrupted when ctx ends: it is short,
// and watching ctx costs more than the statement.
func (s *Store) inTx(ctx context.Context, op string, f func(context.Context, *sqlx.Tx) error) error {
	const tries = 5
	for n := 1; ; n++ {
		err := s.tryTx(ctx, f)
		if n < tries && deadlocked(err) {
			continue
		}
		return wrap(op, err)
	}
}

func (s *Store) tryTx(ctx context.Context, f func(context.Context, *sqlx.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.dialect == migrations.SQLite {
		ctx = context.WithoutCancel(ctx)
	}
	tx, err := s.w.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(ctx, tx); err != nil {
		if back := tx.Rollback(); back != nil && !Temporary(wrap("", err)) {
			err = errors.Join(err, fmt.Errorf("roll back: %w", back))
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.prepareWanted(ctx)
	return nil
}

// execer is a transaction or the database itself.
type execer interface {
	sqlx.ExtContext
	GetContext(ctx context.Context, dest any, query string, args ...any) error
	SelectContext(ctx context.Context, dest any, query string, args ...any) error
}

// exec runs a statement with ? placeholders and returns how many rows it hit.
func exec(ctx context.Context, x execer, query string, args ...any) (int64, error) {
	res, err := x.ExecContext(ctx, x.Rebind(query), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
