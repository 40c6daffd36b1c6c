package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresOptions describes a cluster. Only Dir is required.
type PostgresOptions struct {
	Dir  string // made when missing; the cluster lives in Dir/data
	Port int    // 0 means a free one
	// NoSync switches off fsync: faster, and what was committed survives a
	// killed process but not a power cut.
	NoSync bool
}

// Postgres is a PostgreSQL cluster of its own, reachable on the loopback
// interface by anybody without a password.
//
// Freeze affects only the process that accepts connections; to make open
// connections hang, put a [Proxy] in between.
type Postgres struct {
	*Proc

	Port int

	mu        sync.Mutex // one CREATE DATABASE or template at a time
	templates map[string]*mattermostTemplate
}

// postgresUser is the superuser initdb creates.
const postgresUser = "postgres"

// StartPostgres creates a cluster in options.Dir, unless there is one, and
// starts it.
func StartPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	account, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := existingDir(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	if err := handOver(dir, account); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	if options.Port == 0 {
		if options.Port, err = FreePort(ctx); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "data")
	env := []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "LC_ALL=C.UTF-8", "TZ=UTC"}
	if !exists(filepath.Join(data, "PG_VERSION")) {
		if err := initCluster(ctx, filepath.Join(bin, "initdb"), dir, env, account); err != nil {
			return nil, err
		}
	}

	p := &Postgres{Port: options.Port, templates: make(map[string]*mattermostTemplate)}
	p.Proc = NewProc(Command{
		Name: "postgres",
		Path: filepath.Join(bin, "postgres"),
		Args: settings(map[string]string{
			"listen_addresses":        "127.0.0.1",
			"port":                    strconv.Itoa(options.Port),
			"unix_socket_directories": "", // its path would exceed the limit in deep test folders
			"max_connections":         "300",
			"fsync":                   strconv.FormatBool(!options.NoSync),
			"jit":                     "off",
		}, "-D", data),
		Dir: dir,
		Env: env,
		Ready: func(ctx context.Context) error {
			return p.admin(ctx, "postgres", "select 1")
		},
		// SIGTERM would wait for the clients, SIGKILL as a death signal would
		// leave a shared memory segment behind.
		StopSignal:  syscall.SIGINT,
		DeathSignal: syscall.SIGQUIT,
		Credential:  account,
	})
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// Start starts the cluster. After a Kill the processes of the connections need
// a moment to notice that their parent has gone; until then the new server
// refuses to start, which is tried again for a few seconds.
func (p *Postgres) Start(ctx context.Context) error {
	retry, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := p.Proc.Start(ctx)
		if err == nil || p.Running() || ctx.Err() != nil {
			return err
		}
		select {
		case <-retry.Done():
			return err
		case <-ticker.C:
		}
	}
}

// Restart stops the cluster and starts it again.
func (p *Postgres) Restart(ctx context.Context) error {
	if err := p.Stop(ctx); err != nil {
		return err
	}
	return p.Start(ctx)
}

// DSN returns the URL of a database of the cluster.
func (p *Postgres) DSN(database string) string { return p.DSNVia(loopback(p.Port), database) }

// DSNVia returns the URL of a database that is reached through address, for
// example that of a [Proxy].
func (p *Postgres) DSNVia(address, database string) string {
	return "postgres://" + postgresUser + "@" + address + "/" + database + "?sslmode=disable"
}

// CreateDatabase creates an empty database in UTF-8 and returns its URL. The
// name is quoted and may hold anything.
func (p *Postgres) CreateDatabase(ctx context.Context, name string) (string, error) {
	return p.create(ctx, name, "")
}

// CreateDatabaseFrom creates a copy of a database to which nobody is connected
// and returns its URL.
func (p *Postgres) CreateDatabaseFrom(ctx context.Context, name, template string) (string, error) {
	return p.create(ctx, name, " TEMPLATE "+quoted(template))
}

// DropDatabase removes a database and ends its connections. A database that
// does not exist is not an error.
func (p *Postgres) DropDatabase(ctx context.Context, name string) error {
	if err := p.admin(ctx, "postgres", "DROP DATABASE IF EXISTS "+quoted(name)+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database: %w", err)
	}
	return nil
}

// AllowConnections with false ends all connections of a database and refuses
// new ones until it is called with true.
func (p *Postgres) AllowConnections(ctx context.Context, name string, allow bool) error {
	err := p.admin(ctx, "postgres", "ALTER DATABASE "+quoted(name)+" ALLOW_CONNECTIONS "+strconv.FormatBool(allow))
	if err == nil && !allow {
		err = p.EndConnections(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("allow connections: %w", err)
	}
	return nil
}

// EndConnections ends all connections of a database at once.
func (p *Postgres) EndConnections(ctx context.Context, name string) error {
	return p.admin(ctx, "postgres",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()", name)
}

// Exec runs one statement in a database, for set-up and inspection by tests.
func (p *Postgres) Exec(ctx context.Context, database, statement string, args ...any) error {
	return p.admin(ctx, database, statement, args...)
}

func (p *Postgres) create(ctx context.Context, name, clause string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.createLocked(ctx, name, clause)
}

// createLocked needs mu: two CREATE DATABASE at once disturb each other,
// because each wants its template for itself.
func (p *Postgres) createLocked(ctx context.Context, name, clause string) (string, error) {
	if err := p.admin(ctx, "postgres", "CREATE DATABASE "+quoted(name)+clause); err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	return p.DSN(name), nil
}

// admin runs one statement over a connection of its own.
func (p *Postgres) admin(ctx context.Context, database, statement string, args ...any) error {
	conn, err := pgx.Connect(ctx, p.DSN(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement, args...)
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// settings turns server settings into arguments, in a stable order.
func settings(values map[string]string, args ...string) []string {
	for name, value := range values {
		args = append(args, "--"+name+"="+value)
	}
	slices.Sort(args[len(args)-len(values):])
	return args
}

// initCluster runs initdb. It does not wait for the disk: a cluster half
// written in a crash is thrown away with its folder.
func initCluster(ctx context.Context, program, dir string, env []string, account *syscall.Credential) error {
	cmd := exec.CommandContext(ctx, program, "-D", filepath.Join(dir, "data"), "-U", postgresUser,
		"-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// postgresBin returns the folder with initdb and postgres: the newest below
// Debian's /usr/lib/postgresql, otherwise where PATH has them.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", fmt.Errorf("find postgres: %w", err)
	}
	newest, version := "", -1
	for _, path := range found {
		bin := filepath.Dir(path)
		number, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
		if err == nil && number > version && exists(filepath.Join(bin, "postgres")) {
			newest, version = bin, number
		}
	}
	if newest != "" {
		return newest, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", &MissingError{Program: "postgres", Remedy: "install PostgreSQL 13 or newer, on Debian with: apt-get install postgresql"}
}

// existingDir makes dir when it is missing and returns its absolute path.
func existingDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, nil
}
