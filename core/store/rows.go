package store

import (
	"context"
	"database/sql"
	"fmt"
	"math/bits"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/steg-bridge/steg/migrations"
)

// rows is a table of values that one statement works on, so that a commit costs
// a few statements and not some for each message. Statements know it as d; the
// place of its text is @D@.
//
// On PostgreSQL it is arrays, unnested: one round trip however many rows. On
// SQLite it is VALUES in statements prepared for 1, 2, 4 … rows; what is left
// over is filled with NULL, which statements must not fall over: a join on a
// column of d never does, anything else asks for the first column IS NOT NULL.
// (JSON arrays instead of VALUES were tried: parsing them took longer than all
// of the rest.)
type rows struct {
	names []string
	arr   []any // PostgreSQL: a slice for each column
	vals  []any // SQLite: row after row
	count int
}

// chunk is the most rows of a statement on SQLite.
const chunk = 64

// newRows starts a table. Each column is "name:type"; types are n for a number, t
// for a text, b for a truth value, x for bytes.
func (s *Store) newRows(columns ...string) *rows {
	r := &rows{}
	for _, c := range columns {
		name, typ, _ := strings.Cut(c, ":")
		r.names = append(r.names, name)
		if s.dialect != migrations.Postgres {
			continue
		}
		switch typ {
		case "n":
			r.arr = append(r.arr, &column[int64]{cast: "bigint"})
		case "t":
			r.arr = append(r.arr, &column[string]{cast: "text"})
		case "b":
			r.arr = append(r.arr, &column[bool]{cast: "boolean"})
		case "x":
			r.arr = append(r.arr, &column[[]byte]{cast: "bytea"})
		}
	}
	return r
}

// column is a column's values for PostgreSQL.
type column[T any] struct {
	cast   string
	values []T
}

func (c *column[T]) add(v any) {
	x, _ := v.(T) // a wrong type is a mistake in this package and shows as a zero
	c.values = append(c.values, x)
}

func (c *column[T]) arg() (string, any) { return "?::" + c.cast + "[]", c.values }

type pgColumn interface {
	add(v any)
	arg() (placeholder string, values any)
}

// add appends a row: int64, string, bool or []byte for each column.
func (r *rows) add(values ...any) {
	r.count++
	if r.arr == nil {
		r.vals = append(r.vals, values...)
		return
	}
	for n, v := range values {
		if c, ok := r.arr[n].(pgColumn); ok {
			c.add(v)
		}
	}
}

// batch implements [session].
func (p plain) batch(ctx context.Context, name, query string, r *rows, visit func(scanner) error) error {
	if r.count == 0 {
		return nil
	}
	if p.s.dialect == migrations.Postgres {
		text, args := r.unnest()
		return run(ctx, p.tx, strings.Replace(query, "@D@", text, 1), args, visit)
	}
	width := len(r.names)
	for from := 0; from < r.count; from += chunk {
		n := min(chunk, r.count-from)
		size := 1 << bits.Len(uint(n-1))
		stmt, err := p.s.prepared(ctx, p.tx, stmtKey{name, size}, func() string { return strings.Replace(query, "@D@", r.values(size), 1) })
		if err != nil {
			return err
		}
		args := make([]any, size*width)
		copy(args, r.vals[from*width:(from+n)*width])
		if err := runStmt(ctx, stmt, args, visit); err != nil {
			return err
		}
	}
	return nil
}

// unnest is the table for PostgreSQL.
func (r *rows) unnest() (string, []any) {
	var marks []string
	var args []any
	for _, a := range r.arr {
		if c, ok := a.(pgColumn); ok {
			mark, values := c.arg()
			marks, args = append(marks, mark), append(args, values)
		}
	}
	return "unnest(" + strings.Join(marks, ", ") + ") AS d(" + strings.Join(r.names, ", ") + ")", args
}

// values is the table for SQLite.
func (r *rows) values(size int) string {
	names := make([]string, len(r.names))
	for n, name := range r.names {
		names[n] = fmt.Sprintf("column%d AS %s", n+1, name)
	}
	row := ", (" + strings.Repeat(", ?", len(r.names))[2:] + ")"
	return "(SELECT " + strings.Join(names, ", ") + " FROM (VALUES " + strings.Repeat(row, size)[2:] + ")) AS d"
}

// readRows runs a query on a table of values, outside of any transaction.
func (s *Store) readRows(ctx context.Context, name, query string, r *rows, visit func(scanner) error) error {
	if s.dialect == migrations.Postgres {
		text, args := r.unnest()
		return run(ctx, s.r, strings.Replace(query, "@D@", text, 1), args, visit)
	}
	size := 1 << bits.Len(uint(r.count-1))
	stmt, err := s.preparedRead(ctx, stmtKey{name, size}, func() string { return strings.Replace(query, "@D@", r.values(size), 1) })
	if err != nil {
		return err
	}
	args := make([]any, size*len(r.names))
	copy(args, r.vals)
	return runStmt(ctx, stmt, args, visit)
}

// preparedRead is a statement of SQLite's readers, prepared once: SQLite takes
// longer to parse it than to answer it. pgx does that by itself.
func (s *Store) preparedRead(ctx context.Context, key stmtKey, text func() string) (*sqlx.Stmt, error) {
	s.mu.Lock()
	stmt := s.reads[key]
	s.mu.Unlock()
	if stmt != nil {
		return stmt, nil
	}
	fresh, err := s.r.PreparexContext(ctx, text())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt = s.reads[key]; stmt == nil {
		s.reads[key] = fresh
		return fresh, nil
	}
	return stmt, fresh.Close() //nolint:sqlclosecheck // somebody else was faster
}

// prepared is a statement of the writer's connection. While a transaction holds
// that connection nothing can be prepared for longer than it: the first time a
// statement is used, it is only noted, and prepared after the transaction.
func (s *Store) prepared(ctx context.Context, tx *sqlx.Tx, key stmtKey, text func() string) (*sqlx.Stmt, error) {
	s.mu.Lock()
	stmt := s.stmts[key]
	s.mu.Unlock()
	if stmt != nil {
		return tx.StmtxContext(ctx, stmt), nil
	}
	query := text()
	s.mu.Lock()
	s.wanted[key] = query
	s.mu.Unlock()
	return tx.PreparexContext(ctx, query)
}

// prepareWanted keeps the statements that transactions asked for.
func (s *Store) prepareWanted(ctx context.Context) {
	s.mu.Lock()
	var wanted map[stmtKey]string
	if len(s.wanted) > 0 { // an empty one goes on being written to
		wanted, s.wanted = s.wanted, map[stmtKey]string{}
	}
	s.mu.Unlock()
	for key, query := range wanted {
		stmt, err := s.w.PreparexContext(ctx, query)
		if err != nil {
			return // it is asked for again
		}
		s.mu.Lock()
		if old := s.stmts[key]; old != nil {
			stmt, old = old, stmt
			_ = old.Close() //nolint:sqlclosecheck // closed because another one is kept
		}
		s.stmts[key] = stmt
		s.mu.Unlock()
	}
}

type stmtKey struct {
	name string
	size int
}

func run(ctx context.Context, x execer, query string, args []any, visit func(scanner) error) error {
	if visit == nil {
		_, err := exec(ctx, x, query, args...)
		return err
	}
	res, err := x.QueryContext(ctx, x.Rebind(query), args...)
	if err != nil {
		return err
	}
	return each(res, visit)
}

func runStmt(ctx context.Context, stmt *sqlx.Stmt, args []any, visit func(scanner) error) error {
	if visit == nil {
		_, err := stmt.ExecContext(ctx, args...)
		return err
	}
	res, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return each(res, visit)
}

func each(res *sql.Rows, visit func(scanner) error) error {
	defer res.Close() //nolint:errcheck // Err tells
	for res.Next() {
		if err := visit(res); err != nil {
			return err
		}
	}
	return res.Err()
}
