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
		if err := t.write(ctx, db); err != nil {
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
				"mode_fixed", "origin", "paused", "members", "follows", "cursor_pos",
			}, portals, func(n int) []any {
				// The last post of each chat, as the bridge notes its position.
				place := s.mm.history.add(written{channel: n, n: -1, at: oldPost})
				return []any{
					"gym", "mm", channelID(n), "gym/" + channelName(n), "gym." + channelName(n), channelName(n), "", false,
					roomOf(aliasOf(n)), true, "both", "both", true, "pattern", "", "", true,
					fmt.Sprintf("1:%d:%[1]d:0:%s", oldPost, postID(place)),
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
func (t table) write(ctx context.Context, db *sql.DB) error {
	const most = 500
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	for from := 0; from < t.count; from += most {
		var query strings.Builder
		fmt.Fprintf(&query, "INSERT INTO %s (%s) VALUES ", t.name, strings.Join(t.columns, ", "))
		var args []any
		for n := from; n < min(from+most, t.count); n++ {
			if n > from {
				query.WriteByte(',')
			}
			query.WriteByte('(')
			for i, v := range t.row(n) {
				if i > 0 {
					query.WriteByte(',')
				}
				args = append(args, v)
				fmt.Fprintf(&query, "$%d", len(args)) // both databases understand it
			}
			query.WriteByte(')')
		}
		if _, err := tx.ExecContext(ctx, query.String(), args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}
