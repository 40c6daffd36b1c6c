package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
)

// session is a transaction that may gather statements: what was asked for has
// happened, and visit was called, when flush has returned. PostgreSQL then needs
// a round trip for a flush and not for each statement.
type session interface {
	// batch runs a statement on a table of values (see [rows]). name names the
	// statement for the cache; visit is called for each row, nil when none comes.
	batch(ctx context.Context, name, query string, r *rows, visit func(scanner) error) error
	// one runs a statement; hit, if not nil, is told how many rows it changed.
	one(ctx context.Context, query string, args []any, hit func(int64)) error
	flush(ctx context.Context) error
}

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

// plain is a session that does everything at once, on an ordinary transaction.
type plain struct {
	s  *Store
	tx *sqlx.Tx
}

func (p plain) flush(context.Context) error { return nil }

func (p plain) one(ctx context.Context, query string, args []any, hit func(int64)) error {
	n, err := exec(ctx, p.tx, query, args...)
	if err == nil && hit != nil {
		hit(n)
	}
	return err
}

// pipeline is a session on PostgreSQL that sends statements together.
type pipeline struct {
	conn   *pgx.Conn
	queued pgx.Batch
}

func (p *pipeline) batch(_ context.Context, _, query string, r *rows, visit func(scanner) error) error {
	if r.count == 0 {
		return nil
	}
	text, args := r.unnest()
	q := p.queued.Queue(sqlx.Rebind(sqlx.DOLLAR, strings.Replace(query, "@D@", text, 1)), args...)
	if visit != nil {
		q.Query(func(res pgx.Rows) error {
			for res.Next() {
				if err := visit(res); err != nil {
					return err
				}
			}
			return res.Err()
		})
	}
	return nil
}

func (p *pipeline) one(_ context.Context, query string, args []any, hit func(int64)) error {
	q := p.queued.Queue(sqlx.Rebind(sqlx.DOLLAR, query), args...)
	if hit != nil {
		q.Exec(func(tag pgconn.CommandTag) error {
			hit(tag.RowsAffected())
			return nil
		})
	}
	return nil
}

func (p *pipeline) flush(ctx context.Context) error {
	if p.queued.Len() == 0 {
		return nil
	}
	err := p.conn.SendBatch(ctx, &p.queued).Close()
	p.queued = pgx.Batch{}
	return err
}

// inSession runs f in a transaction with as few round trips as f flushes. Like
// [Store.inTx] it tries again after a deadlock.
func (s *Store) inSession(ctx context.Context, op string, f func(context.Context, session) error) error {
	if !s.Multi() {
		return s.inTx(ctx, op, func(ctx context.Context, tx *sqlx.Tx) error { return f(ctx, plain{s, tx}) })
	}
	const tries = 5
	for n := 1; ; n++ {
		err := s.tryPipeline(ctx, f)
		if n < tries && deadlocked(err) {
			continue
		}
		return wrap(op, err)
	}
}

func (s *Store) tryPipeline(ctx context.Context, f func(context.Context, session) error) error {
	conn, err := s.w.Connx(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // gives it back to the pool
	var failed error
	err = conn.Raw(func(c any) error {
		pc, ok := c.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection of type %T", c)
		}
		p := &pipeline{conn: pc.Conn()}
		if failed = p.transact(ctx, f); failed != nil && p.conn.IsClosed() {
			return driver.ErrBadConn // the pool forgets it
		}
		return nil
	})
	if failed != nil {
		return failed
	}
	return err
}

func (p *pipeline) transact(ctx context.Context, f func(context.Context, session) error) error {
	p.queued.Queue("BEGIN")
	err := f(ctx, p)
	if err == nil {
		p.queued.Queue("COMMIT")
		err = p.flush(ctx)
	}
	if err != nil && !p.conn.IsClosed() {
		// A connection in a transaction of unknown state is of no use to others.
		if _, back := p.conn.Exec(context.WithoutCancel(ctx), "ROLLBACK"); back != nil {
			_ = p.conn.Close(context.WithoutCancel(ctx))
		}
	}
	return err
}
