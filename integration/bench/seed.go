package main

import (
	"context"
	"database/sql" //nolint:depguard // half a million commits of the store would take longer than the measurement
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/steg-bridge/steg/core/store"
)

// table is rows to write in bulk.
type table struct {
	name    string
	columns []string
	count   int
	row     func(n int) []any
}

// seed fills the database as it is after years: every chat linked and followed,
// with its room and lanes, and many people known.
func (s *stage) seed(ctx context.Context, folder string, portals, people int) (err error) {
	driver, dsn := "pgx", s.dsn
	if s.database == sqlite {
		dir := filepath.Join(s.dir, folder)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		driver, dsn = "sqlite", "sqlite:"+filepath.Join(dir, "steg.db")
	}
	st, err := store.Open(ctx, store.Options{DSN: dsn}) // makes the tables
	if err != nil {
		return err
	}
	if err := st.Close(); err != nil {
		return err
	}
	db, err := sql.Open(driver, strings.TrimPrefix(dsn, "sqlite:"))
	if err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, t := range s.tables(portals, people) {
		if err := t.write(ctx, db, driver); err != nil {
			return fmt.Errorf("fill table %s: %w", t.name, err)
		}
	}
	return nil
}

func (s *stage) tables(portals, people int) []table {
	return []table{
		{
			"portal", []string{
				"school", "bridge", "chat", "ref", "slug", "name", "topic", "private", "room", "own_room", "mode", "applied",
				"mode_fixed", "origin", "paused", "members", "follows", "cursor_pos", "placed",
			}, portals, func(n int) []any {
				// The last post of each chat, as the bridge notes its position.
				place := s.mm.history.add(written{channel: n, n: -1, at: oldPost})
				return []any{
					"gym", "mm", channelID(n), "gym/" + channelName(n), "gym." + channelName(n), channelName(n), "", false,
					roomOf(aliasOf(n)), true, "both", "both", true, "pattern", "", "", true,
					fmt.Sprintf("1:%d:%[1]d:0:%s", oldPost, postID(place)), "public ",
				}
			},
		},
		{
			"lane", []string{"school", "bridge", "portal", "dir", "last_seq", "received", "delivered"}, 2 * portals, func(n int) []any {
				return []any{"gym", "mm", 1 + n/2, []string{"in", "out"}[n%2], 1, 1, 1}
			},
		},
		{
			"ghost", []string{"school", "bridge", "remote_user", "mxid", "name", "avatar_key", "bot"}, people, func(n int) []any {
				user := fmt.Sprintf("person%020d", n)
				return []any{"gym", "mm", user, "@_steg_mm_" + user + ":" + serverName, fmt.Sprintf("Person %d", n), "", false}
			},
		},
	}
}

// oldPost is when somebody last wrote in a chat, long ago.
const oldPost = int64(1_700_000_000_000)

// write inserts the rows, many with each statement.
func (t table) write(ctx context.Context, db *sql.DB, driver string) error {
	const most = 100
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	full, err := tx.PrepareContext(ctx, t.insert(most, driver))
	if err != nil {
		return err
	}
	defer full.Close()
	for from := 0; from < t.count; from += most {
		to := min(from+most, t.count)
		args := make([]any, 0, most*len(t.columns))
		for n := from; n < to; n++ {
			args = append(args, t.row(n)...)
		}
		if to-from == most {
			_, err = full.ExecContext(ctx, args...)
		} else {
			_, err = tx.ExecContext(ctx, t.insert(to-from, driver), args...)
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// insert is the statement for so many rows.
func (t table) insert(rows int, driver string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES ", t.name, strings.Join(t.columns, ", "))
	for n := range rows * len(t.columns) {
		switch {
		case n == 0:
			b.WriteByte('(')
		case n%len(t.columns) == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		if driver == "pgx" {
			fmt.Fprintf(&b, "$%d", n+1)
		} else {
			b.WriteByte('?') // SQLite would look a name up among all that came before it
		}
	}
	return b.String() + ")"
}
