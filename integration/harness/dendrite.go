package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// StartDendrite starts a Dendrite on options.Dir. The data survive Stop and
// Kill.
func StartDendrite(ctx context.Context, options HomeserverOptions) (*Homeserver, error) {
	program, err := Installed(ctx, DendriteServer)
	if err != nil {
		return nil, err
	}
	dir, err := existingDir(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("start dendrite: %w", err)
	}
	if options.Port == 0 {
		if options.Port, err = FreePort(ctx); err != nil {
			return nil, err
		}
	}
	if !exists(filepath.Join(dir, "matrix_key.pem")) {
		if _, err := run(ctx, dir, nil, filepath.Join(program, "generate-keys"), "--private-key", "matrix_key.pem"); err != nil {
			return nil, fmt.Errorf("start dendrite: %w", err)
		}
	}
	databases := dendriteSQLite
	if options.Postgres != nil {
		if databases, err = dendritePostgres(ctx, options, dir); err != nil {
			return nil, fmt.Errorf("start dendrite: %w", err)
		}
	}

	h := newHomeserver(options)
	h.writeConfig = func(registrations []string) error {
		text := dendriteConfig(options, databases, registrations)
		return os.WriteFile(filepath.Join(dir, "dendrite.yaml"), []byte(text), 0o600)
	}
	h.Proc = NewProc(Command{
		Name:  "dendrite",
		Path:  filepath.Join(program, "dendrite"),
		Args:  []string{"-config", "dendrite.yaml", "-http-bind-address", loopback(options.Port)},
		Dir:   dir,
		Env:   serverEnv(dir),
		Ready: reachable(h.client, h.URL+"/_matrix/client/versions"),
	})
	if err := h.Start(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

// dendriteSQLite names a file for every component; with one missing Dendrite
// does not start. Media is configured apart because it has a second key.
var dendriteSQLite = dendriteDatabases{
	components: `room_server:    {database: {connection_string: "file:roomserver.db"}}
sync_api:       {database: {connection_string: "file:syncapi.db"}}
federation_api: {database: {connection_string: "file:federationapi.db"}}
key_server:     {database: {connection_string: "file:keyserver.db"}}
relay_api:      {database: {connection_string: "file:relayapi.db"}}
mscs:           {database: {connection_string: "file:mscs.db"}}
user_api:
  bcrypt_cost: 4
  account_database: {connection_string: "file:userapi.db"}
`,
	media: `  database: {connection_string: "file:mediaapi.db"}
`,
}

// dendriteDatabases are the parts of the configuration that differ between
// SQLite and PostgreSQL.
type dendriteDatabases struct{ global, components, media string }

// dendritePostgres creates the database at the first start; a file remembers
// its name.
func dendritePostgres(ctx context.Context, options HomeserverOptions, dir string) (dendriteDatabases, error) {
	dsn, err := databaseOf(ctx, options.Postgres, dir, fmt.Sprintf("dendrite_%d", options.Port), "")
	if err != nil {
		return dendriteDatabases{}, err
	}
	return dendriteDatabases{
		global: fmt.Sprintf("  database: {connection_string: %q, max_open_conns: 20, max_idle_conns: 5, conn_max_lifetime: -1}\n", dsn),
		components: `user_api: {bcrypt_cost: 4}
`,
	}, nil
}

// dendriteConfig follows Dendrite's dendrite-sample.yaml. Relative paths start
// at the working directory. Presence stays off unless asked for, as by default: with
// enable_outbound Dendrite 0.15.2 panics at its start when it was killed in the
// moment in which somebody joined (federationapi/consumers: sendPresence asks the
// room server, which is not there yet).
func dendriteConfig(options HomeserverOptions, databases dendriteDatabases, registrations []string) string {
	global := databases.global
	if options.Presence {
		global += "  presence: {enable_inbound: true, enable_outbound: true}\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `version: 2
global:
  server_name: %q
  private_key: matrix_key.pem
  disable_federation: true
  jetstream: {storage_path: ./jetstream, in_memory: false}
%s%sapp_service_api:
  config_files: %s
client_api:
  registration_disabled: true
  registration_shared_secret: %q
  rate_limiting: {enabled: false}
media_api:
  base_path: ./media
%s`, options.ServerName, global, databases.components, jsonList(registrations), registrationSecret, databases.media)
	b.WriteString("logging: [{type: std, level: warn}]\n")
	b.WriteString(options.Extra)
	return b.String()
}

// jsonList returns paths as a JSON array, which YAML understands.
func jsonList(paths []string) string {
	if len(paths) == 0 {
		return "[]"
	}
	absolute := make([]string, len(paths))
	for i, path := range paths {
		if full, err := filepath.Abs(path); err == nil {
			path = full
		}
		absolute[i] = path
	}
	text, err := json.Marshal(absolute)
	if err != nil {
		return "[]"
	}
	return string(text)
}

// serverEnv is the whole environment of a server: nothing of ours can change
// how it behaves.
func serverEnv(dir string, extra ...string) []string {
	return append([]string{"PATH=/usr/bin:/bin", "HOME=" + dir, "LC_ALL=C.UTF-8", "TZ=UTC"}, extra...)
}

// databaseOf returns the URL of the database that belongs to a server's
// folder, and creates it at the first call.
func databaseOf(ctx context.Context, cluster *Postgres, dir, name, clause string) (string, error) {
	note := filepath.Join(dir, "database.name")
	if old, err := os.ReadFile(note); err == nil {
		return cluster.DSN(string(old)), nil
	}
	dsn, err := cluster.create(ctx, name, clause)
	if err != nil {
		return "", err
	}
	return dsn, os.WriteFile(note, []byte(name), 0o600)
}
