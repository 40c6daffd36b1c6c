package matrix

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strings"

	// The only YAML library of the project, also used for the configuration.
	"github.com/goccy/go-yaml"
	"maunium.net/go/mautrix/id"
)

// Registration is the file that makes a homeserver let us in (application
// service API, "Registration"), with the keys that Synapse and Dendrite know.
type Registration struct {
	ID              string     `yaml:"id"`
	URL             string     `yaml:"url"`
	ASToken         string     `yaml:"as_token"`
	HSToken         string     `yaml:"hs_token"`
	SenderLocalpart string     `yaml:"sender_localpart"`
	RateLimited     bool       `yaml:"rate_limited"`
	Ephemeral       bool       `yaml:"receive_ephemeral"`
	EphemeralOld    bool       `yaml:"de.sorunome.msc2409.push_ephemeral"`
	Protocols       []string   `yaml:"protocols,omitempty"`
	Namespaces      Namespaces `yaml:"namespaces"`
}

// Namespaces is what a registration reserves.
type Namespaces struct {
	Users   []Namespace `yaml:"users"`
	Aliases []Namespace `yaml:"aliases"`
	Rooms   []Namespace `yaml:"rooms"`
}

// Namespace is one pattern; exclusive means that nobody else may make such a
// name.
type Namespace struct {
	Regex     string `yaml:"regex"`
	Exclusive bool   `yaml:"exclusive"`
}

// RegistrationOptions is what a registration depends on. Adding a bridge later
// changes at most Protocols, which only the homeserver's room directory uses.
type RegistrationOptions struct {
	ID           string // default "steg"
	URL          string // where the homeserver reaches us, "http://127.0.0.1:8010"
	ServerName   string
	BotLocalpart string   // default "steg"
	Prefix       string   // default "_steg_"
	Protocols    []string // kinds of configured bridges
}

func (o RegistrationOptions) withDefaults() RegistrationOptions {
	d := Options{ID: o.ID, BotLocalpart: o.BotLocalpart, Prefix: o.Prefix}.withDefaults()
	o.ID, o.BotLocalpart, o.Prefix = d.ID, d.BotLocalpart, d.Prefix
	// Dendrite takes it as it is, slash and all.
	o.URL = strings.TrimRight(o.URL, "/")
	return o
}

// NewRegistration makes a registration with new random tokens.
func NewRegistration(o RegistrationOptions) *Registration {
	o = o.withDefaults()
	own := func(sigil, local string) Namespace {
		return Namespace{Regex: "^" + sigil + local + ":" + regexp.QuoteMeta(o.ServerName) + "$", Exclusive: true}
	}
	prefix := regexp.QuoteMeta(o.Prefix)
	return &Registration{
		ID: o.ID, URL: o.URL, ASToken: newToken(), HSToken: newToken(),
		// Inside the ghosts' namespace, but no ghost: those have another "_".
		SenderLocalpart: o.Prefix + "as-" + newSuffix(),
		Ephemeral:       true, EphemeralOld: true, Protocols: o.Protocols,
		Namespaces: Namespaces{
			Users:   []Namespace{own("@", regexp.QuoteMeta(o.BotLocalpart)), own("@", prefix+".*")},
			Aliases: []Namespace{own("#", prefix+".*")},
			Rooms:   []Namespace{},
		},
	}
}

const registrationHead = `# Registration of Steg at the homeserver. Keep it secret: who has as_token can
# act as the bot and every ghost. Both sides must use the same file:
#   Synapse:  app_service_config_files: [/path/to/registration.yaml]
#   Dendrite: app_service_api: {config_files: [/path/to/registration.yaml]}
# The homeserver reads it only at its start.
`

// YAML is the file's content.
func (r *Registration) YAML() ([]byte, error) {
	body, err := yaml.MarshalWithOptions(r, yaml.UseSingleQuote(true))
	if err != nil {
		return nil, fmt.Errorf("encode registration: %w", err)
	}
	return append([]byte(registrationHead), body...), nil
}

// LoadRegistration reads a registration file. Keys that we do not know are
// ignored: homeservers have their own.
func LoadRegistration(file string) (*Registration, error) {
	body, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("read registration: %w", err)
	}
	var r Registration
	if err := yaml.Unmarshal(body, &r); err != nil {
		// The library's text quotes the file, and that holds tokens.
		return nil, fmt.Errorf("read registration %s: not valid YAML, write it anew", file)
	}
	if r.ASToken == "" || r.HSToken == "" {
		return nil, fmt.Errorf("read registration %s: as_token or hs_token is missing, write it anew", file)
	}
	return &r, nil
}

// covers tells whether a name is in an exclusive namespace.
func covers(list []Namespace, name string) bool {
	for _, n := range list {
		if re, err := regexp.Compile(n.Regex); err == nil && n.Exclusive && re.MatchString(name) {
			return true
		}
	}
	return false
}

func (o RegistrationOptions) bot() id.UserID { return id.NewUserID(o.BotLocalpart, o.ServerName) }

// newToken makes 256 random bits that need no quoting anywhere.
func newToken() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

func newSuffix() string {
	raw := make([]byte, 4)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}
