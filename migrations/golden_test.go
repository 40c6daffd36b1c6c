package migrations_test

import (
	"context"
	"database/sql"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/core/store/storetest"
	"github.com/steg-bridge/steg/migrations"
)

var update = flag.Bool("update", false, "rewrite the golden schemas")

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

const sqliteSchema = `SELECT sql || ';' FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name`

const postgresSchema = `
SELECT line FROM (
  SELECT 1 AS part, table_name || '.' || lpad(ordinal_position::text, 2, '0') AS place,
    table_name || '.' || column_name || ' ' || data_type || COALESCE(' collate ' || collation_name, '')
    || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END || COALESCE(' default ' || column_default, '')
    || CASE is_identity WHEN 'YES' THEN ' identity' ELSE '' END AS line
  FROM information_schema.columns WHERE table_schema = 'public'
  UNION ALL SELECT 2, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
  UNION ALL SELECT 3, relname, relname || ' with ' || array_to_string(reloptions, ', ')
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL
) all_of_it ORDER BY part, place COLLATE "C"`

// The schema that the migrations make, for people to read and to notice changes.
func TestGoldenSchema(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		db.Open(t)
		file, driver, dsn, query := "schema.sqlite.sql", "sqlite", strings.TrimPrefix(db.DSN, "sqlite:"), sqliteSchema
		if db.Multi {
			file, driver, dsn, query = "schema.postgres.txt", "pgx", db.DSN, postgresSchema
		}
		got := strings.Join(lines(t, driver, dsn, query), "\n") + "\n"
		path := filepath.Join("testdata", file)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("the schema changed (go test ./migrations -update):\n%s", diff)
		}
	})
}

func lines(t *testing.T, driver, dsn, query string) []string {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	rows, err := db.QueryContext(context.WithoutCancel(t.Context()), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var out []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		out = append(out, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// Every table says which school and bridge a row belongs to, in a key.
func TestSchoolAndBridgeInEveryTable(t *testing.T) {
	t.Parallel()
	all, err := migrations.All(migrations.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	for _, m := range all {
		for _, stmt := range m.Statements {
			name, body, ok := strings.Cut(strings.TrimPrefix(stmt, "CREATE TABLE "), " ")
			if !ok || !strings.HasPrefix(stmt, "CREATE TABLE ") || name == "instance" {
				continue
			}
			tables++
			for _, column := range []string{"\n  school ", "\n  bridge "} {
				if !strings.Contains(body, column) {
					t.Errorf("table %s has no column%s", name, column)
				}
			}
		}
	}
	if tables < 10 {
		t.Errorf("found %d tables only", tables)
	}
}

func TestBothDialectsHaveTheSameSteps(t *testing.T) {
	t.Parallel()
	a, err := migrations.All(migrations.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	b, err := migrations.All(migrations.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	if len(a) != migrations.Latest() || len(b) != len(a) {
		t.Fatalf("%d and %d steps, the latest is %d", len(a), len(b), migrations.Latest())
	}
	for n := range a {
		if len(a[n].Statements) != len(b[n].Statements) {
			t.Errorf("step %d differs", n+1)
		}
		for _, s := range append(a[n].Statements, b[n].Statements...) {
			if strings.Contains(s, "@") {
				t.Errorf("step %d has a word that nobody replaces: %s", n+1, s)
			}
		}
	}
}
