package harness_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/harness/harnesstest"
)

func TestPostgresCopiesTemplates(t *testing.T) {
	t.Parallel()
	cluster := servers.Postgres(t)
	template, copyName := servers.Unique("Vorlage"), servers.Unique("kopie")
	dsn, err := cluster.CreateDatabase(t.Context(), template)
	check(t, err)
	execute(t, dsn, "create table counter (n integer)", "insert into counter values (7)")
	copied, err := cluster.CreateDatabaseFrom(t.Context(), copyName, template)
	check(t, err)
	if got := number(t, copied, "select n from counter"); got != 7 {
		t.Errorf("copy holds %d, want 7", got)
	}
	check(t, cluster.DropDatabase(t.Context(), copyName))
	check(t, cluster.DropDatabase(t.Context(), copyName))
	if _, err := pgx.Connect(t.Context(), copied); err == nil {
		t.Error("connected to a dropped database")
	}
}

func TestPostgresRefusesConnections(t *testing.T) {
	t.Parallel()
	cluster := servers.Postgres(t)
	name := servers.Unique("gesperrt")
	dsn, err := cluster.CreateDatabase(t.Context(), name)
	check(t, err)
	conn := connect(t, dsn)

	check(t, cluster.AllowConnections(t.Context(), name, false))
	if _, err := conn.Exec(t.Context(), "select 1"); err == nil {
		t.Error("an open connection still works")
	}
	if _, err := pgx.Connect(t.Context(), dsn); err == nil {
		t.Error("a new connection was accepted")
	}
	check(t, cluster.AllowConnections(t.Context(), name, true))
	if got := number(t, dsn, "select 5"); got != 5 {
		t.Errorf("got %d, want 5", got)
	}
}

func TestPostgresKeepsItsDataWhenKilled(t *testing.T) {
	t.Parallel()
	cluster := harnesstest.Postgres(t, harness.PostgresOptions{})
	dsn, err := cluster.CreateDatabase(t.Context(), "bleibt")
	check(t, err)
	execute(t, dsn, "create table counter (n integer)", "insert into counter values (7)")
	connect(t, dsn) // a backend that has to notice the crash
	check(t, cluster.Kill())
	if _, err := pgx.Connect(t.Context(), dsn); err == nil {
		t.Error("a killed server accepted a connection")
	}
	check(t, cluster.Start(t.Context()))
	if got := number(t, dsn, "select n from counter"); got != 7 {
		t.Errorf("got %d, want 7", got)
	}
}

func TestPostgresSyncsUnlessToldNotTo(t *testing.T) {
	t.Parallel()
	for _, noSync := range []bool{false, true} {
		t.Run(strconv.FormatBool(noSync), func(t *testing.T) {
			t.Parallel()
			cluster := harnesstest.Postgres(t, harness.PostgresOptions{NoSync: noSync})
			conn := connect(t, cluster.DSN("postgres"))
			var fsync string
			check(t, conn.QueryRow(t.Context(), "show fsync").Scan(&fsync))
			if want := map[bool]string{false: "on", true: "off"}[noSync]; fsync != want {
				t.Errorf("fsync is %s, want %s", fsync, want)
			}
		})
	}
}

func TestDatabasesOfTestsAreApart(t *testing.T) {
	t.Parallel()
	one, other := servers.Database(t), servers.Database(t)
	if one == other || !strings.HasPrefix(one, "postgres://") {
		t.Errorf("got %s and %s", one, other)
	}
}

// execute runs statements over a connection that is closed afterwards, so that
// the database can be copied.
func execute(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	conn := connect(t, dsn)
	for _, statement := range statements {
		_, err := conn.Exec(t.Context(), statement)
		check(t, err)
	}
	check(t, conn.Close(t.Context()))
}

func number(t *testing.T, dsn, query string) int {
	t.Helper()
	conn := connect(t, dsn)
	var n int
	check(t, conn.QueryRow(t.Context(), query).Scan(&n))
	return n
}

// connect opens a connection for the rest of the test.
func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
