package harness

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"maunium.net/go/mautrix/id"
)

// HomeserverOptions describes a homeserver. Dir and ServerName are required.
type HomeserverOptions struct {
	Dir        string // made when missing; a second server on the same folder continues its data
	ServerName string // the part behind the colon of its user IDs
	Port       int    // 0 means a free one

	// Registrations are the paths of application service registrations. They
	// are read at each start.
	Registrations []string

	// Postgres is the cluster in which the server creates its database. Nil
	// means SQLite in Dir, which is faster for one or two clients.
	Postgres *Postgres

	// Presence switches it on in Dendrite; Synapse always has it.
	Presence bool

	// Extra is appended to the server's configuration: YAML, top-level keys
	// that are not set yet.
	Extra string
}

// Homeserver is a Matrix homeserver without federation and without rate limits.
type Homeserver struct {
	*Proc

	URL        string // base of its client API, without a trailing slash
	ServerName string
	Port       int

	client        *http.Client
	secret        string
	registrations []string
	writeConfig   func(registrations []string) error
}

// registrationSecret lets RegisterUser create accounts. The server listens on
// the loopback interface of a test machine only.
const registrationSecret = "harness-registration-secret"

// newHomeserver holds what both servers have in common.
func newHomeserver(options HomeserverOptions) *Homeserver {
	return &Homeserver{
		URL:           "http://" + loopback(options.Port),
		ServerName:    options.ServerName,
		Port:          options.Port,
		client:        httpClient(),
		secret:        registrationSecret,
		registrations: options.Registrations,
	}
}

// Start writes the configuration and starts the server.
func (h *Homeserver) Start(ctx context.Context) error {
	if err := h.writeConfig(h.registrations); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return h.Proc.Start(ctx)
}

// Stop ends the server and this process's idle connections to it.
func (h *Homeserver) Stop(ctx context.Context) error {
	defer h.client.CloseIdleConnections()
	return h.Proc.Stop(ctx)
}

// Restart stops the server and starts it on the same data and port.
func (h *Homeserver) Restart(ctx context.Context) error {
	if err := h.Stop(ctx); err != nil {
		return err
	}
	return h.Start(ctx)
}

// SetRegistrations replaces the application service registrations. The server
// reads them at its next start.
func (h *Homeserver) SetRegistrations(paths ...string) { h.registrations = paths }

// UserID returns the full ID of a local user.
func (h *Homeserver) UserID(localpart string) id.UserID { return id.NewUserID(localpart, h.ServerName) }

// RegisterUser creates an account; admin makes it an administrator of the
// server. The password needs 8 characters. Both servers offer Synapse's
// registration with a shared secret, see
// https://element-hq.github.io/synapse/latest/admin_api/register_api.html.
func (h *Homeserver) RegisterUser(ctx context.Context, localpart, password string, admin bool) error {
	url := h.URL + "/_synapse/admin/v1/register"
	var challenge struct {
		Nonce string `json:"nonce"`
	}
	if err := callJSON(ctx, h.client, http.MethodGet, url, "", nil, &challenge); err != nil {
		return fmt.Errorf("register user: %w", err)
	}
	role := "notadmin"
	if admin {
		role = "admin"
	}
	mac := hmac.New(sha1.New, []byte(h.secret))
	mac.Write([]byte(strings.Join([]string{challenge.Nonce, localpart, password, role}, "\x00")))
	request := map[string]any{
		"nonce": challenge.Nonce, "username": localpart, "password": password,
		"admin": admin, "mac": hex.EncodeToString(mac.Sum(nil)),
	}
	if err := callJSON(ctx, h.client, http.MethodPost, url, "", request, nil); err != nil {
		return fmt.Errorf("register user: %w", err)
	}
	return nil
}

// NewPerson registers an ordinary account and logs it in.
func (h *Homeserver) NewPerson(ctx context.Context, localpart string) (*MatrixPerson, error) {
	const password = "correct-horse"
	if err := h.RegisterUser(ctx, localpart, password, false); err != nil {
		return nil, err
	}
	return h.Login(ctx, localpart, password)
}

// Login logs an existing account in, with a device of its own.
func (h *Homeserver) Login(ctx context.Context, localpart, password string) (*MatrixPerson, error) {
	return loginMatrix(ctx, h.URL, h.client, localpart, password)
}
