package harness

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// StartSynapse starts a Synapse on options.Dir. The data survive Stop and Kill.
func StartSynapse(ctx context.Context, options HomeserverOptions) (*Homeserver, error) {
	program, err := Installed(ctx, SynapseServer)
	if err != nil {
		return nil, err
	}
	dir, err := existingDir(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("start synapse: %w", err)
	}
	if options.Port == 0 {
		if options.Port, err = FreePort(ctx); err != nil {
			return nil, err
		}
	}
	if err := synapseFiles(dir); err != nil {
		return nil, fmt.Errorf("start synapse: %w", err)
	}
	database := fmt.Sprintf("{name: sqlite3, args: {database: %q}}", filepath.Join(dir, "homeserver.db"))
	if options.Postgres != nil {
		if database, err = synapsePostgres(ctx, options, dir); err != nil {
			return nil, fmt.Errorf("start synapse: %w", err)
		}
	}

	h := newHomeserver(options)
	h.writeConfig = func(registrations []string) error {
		text := synapseConfig(options, dir, database, registrations)
		return os.WriteFile(filepath.Join(dir, "homeserver.yaml"), []byte(text), 0o600)
	}
	h.Proc = NewProc(Command{
		Name:         "synapse",
		Path:         pythonIn(program),
		Args:         []string{"-m", "synapse.app.homeserver", "-c", "homeserver.yaml"},
		Dir:          dir,
		Env:          serverEnv(dir, "PYTHONUNBUFFERED=1"),
		Ready:        reachable(h.client, h.URL+"/health"),
		ReadyTimeout: 2 * time.Minute,
	})
	if err := h.Start(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

// synapseFiles writes, at the first start, what the configuration refers to.
// Writing the key ourselves saves a run of Synapse.
func synapseFiles(dir string) error {
	key := filepath.Join(dir, "signing.key")
	if exists(key) {
		return nil
	}
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // never fails
	if err := os.WriteFile(key, []byte("ed25519 a_harness "+base64.RawStdEncoding.EncodeToString(seed)+"\n"), 0o600); err != nil {
		return err
	}
	const logging = `version: 1
formatters: {plain: {format: '%(asctime)s %(levelname)s %(name)s %(message)s'}}
handlers: {console: {class: logging.StreamHandler, formatter: plain}}
root: {level: WARNING, handlers: [console]}
disable_existing_loggers: false
`
	return os.WriteFile(filepath.Join(dir, "log.yaml"), []byte(logging), 0o600)
}

// synapsePostgres creates the database with the collation Synapse insists on.
func synapsePostgres(ctx context.Context, options HomeserverOptions, dir string) (string, error) {
	const clause = " TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
	dsn, err := databaseOf(ctx, options.Postgres, dir, fmt.Sprintf("synapse_%d", options.Port), clause)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("{name: psycopg2, args: {dsn: %q, cp_min: 2, cp_max: 10}}", dsn), nil
}

// synapseConfig follows
// https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html.
func synapseConfig(options HomeserverOptions, dir, database string, registrations []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server_name: %q
public_baseurl: "http://%s/"
listeners:
- {port: %d, type: http, bind_addresses: ["127.0.0.1"], resources: [{names: [client]}]}
database: %s
app_service_config_files: %s
registration_shared_secret: %q
signing_key_path: %q
media_store_path: %q
log_config: log.yaml
pid_file: synapse.pid
report_stats: false
enable_metrics: false
enable_registration: false
suppress_key_server_warning: true
trusted_key_servers: []
federation_domain_whitelist: []
macaroon_secret_key: harness
form_secret: harness
presence: {enabled: true}
caches: {sync_response_cache_duration: 0s}
password_config: {bcrypt_rounds: 4}
user_directory: {search_all_users: true}
`, options.ServerName, loopback(options.Port), options.Port, database, jsonList(registrations), registrationSecret,
		filepath.Join(dir, "signing.key"), filepath.Join(dir, "media"))
	b.WriteString(synapseUnlimited())
	b.WriteString(options.Extra)
	return b.String()
}

// synapseUnlimited switches every rate limit off; people in tests are faster
// than people.
func synapseUnlimited() string {
	const free = "{per_second: 100000, burst_count: 100000}"
	var b strings.Builder
	for _, name := range []string{
		"message", "registration", "registration_token_validity", "admin_redaction", "joins_per_room",
		"third_party_invite", "media_create", "reports", "room_creation", "delayed_event_mgmt", "user_directory",
	} {
		fmt.Fprintf(&b, "rc_%s: %s\n", name, free)
	}
	for name, parts := range map[string]string{
		"login":           "address account failed_attempts",
		"joins":           "local remote",
		"invites":         "per_room per_user per_issuer",
		"3pid_validation": "",
		"presence":        "per_user",
	} {
		if parts == "" {
			fmt.Fprintf(&b, "rc_%s: %s\n", name, free)
			continue
		}
		fmt.Fprintf(&b, "rc_%s:\n", name)
		for part := range strings.FieldsSeq(parts) {
			fmt.Fprintf(&b, "  %s: %s\n", part, free)
		}
	}
	return b.String()
}
