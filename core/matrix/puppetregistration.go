package matrix

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// PuppetRegistration is a second registration, only for acting as people's own
// accounts ("double puppets"). It is apart from the first because a homeserver
// pushes everything that concerns the users of a registration: here it knows no
// address, and pushes nothing.
type PuppetRegistration struct {
	ID              string     `yaml:"id"`
	URL             *string    `yaml:"url"` // always null
	ASToken         string     `yaml:"as_token"`
	HSToken         string     `yaml:"hs_token"`
	SenderLocalpart string     `yaml:"sender_localpart"`
	RateLimited     bool       `yaml:"rate_limited"`
	Namespaces      Namespaces `yaml:"namespaces"`
}

// NewPuppetRegistration makes one with new random tokens. It covers every local
// user and reserves none of them.
func NewPuppetRegistration(o RegistrationOptions) *PuppetRegistration {
	o = o.withDefaults()
	return &PuppetRegistration{
		ID: o.ID + "-double-puppets", ASToken: newToken(), HSToken: newToken(), SenderLocalpart: o.Prefix + "puppets-" + newSuffix(),
		Namespaces: Namespaces{
			Users:   []Namespace{{Regex: "^@.*:" + regexp.QuoteMeta(o.ServerName) + "$"}},
			Aliases: []Namespace{}, Rooms: []Namespace{},
		},
	}
}

const puppetHead = `# Second registration of Steg at the homeserver, for double puppets: it lets Steg
# write as people's own accounts, which it does for those alone whose link an
# administrator has approved. Keep it as secret as the homeserver's own keys: who
# has as_token can act as every local user. Both sides must use the same file:
#   Synapse:  app_service_config_files: [/path/to/registration.yaml, /path/to/doublepuppets.yaml]
#   Dendrite: app_service_api: {config_files: [/path/to/registration.yaml, /path/to/doublepuppets.yaml]}
# The homeserver reads it only at its start.
`

// YAML is the file's content.
func (r *PuppetRegistration) YAML() ([]byte, error) {
	body, err := yaml.MarshalWithOptions(r, yaml.UseSingleQuote(true))
	if err != nil {
		return nil, fmt.Errorf("encode registration: %w", err)
	}
	return append([]byte(puppetHead), body...), nil
}

// LoadPuppetRegistration reads the file.
func LoadPuppetRegistration(file string) (*PuppetRegistration, error) {
	r, err := LoadRegistration(file)
	if err != nil {
		return nil, err
	}
	out := &PuppetRegistration{
		ID: r.ID, ASToken: r.ASToken, HSToken: r.HSToken, SenderLocalpart: r.SenderLocalpart, RateLimited: r.RateLimited, Namespaces: r.Namespaces,
	}
	if r.URL != "" {
		out.URL = &r.URL
	}
	return out, nil
}

// Compare tells where the registration does not fit the configuration, and what to
// do.
func (r *PuppetRegistration) Compare(want RegistrationOptions) []bridge.Finding {
	want = want.withDefaults()
	const anew = "write it anew with \"steg registration -double-puppets -write\", give it to the homeserver and restart that"
	var found []bridge.Finding
	fail := func(what, fix string) {
		found = append(found, bridge.Finding{Level: bridge.LevelFail, What: "double puppets: " + what, Fix: fix})
	}
	if r.URL != nil {
		fail("the url is not null: the homeserver would push everything of every local room", anew)
	}
	if r.ID == want.ID {
		fail("the id is that of the first registration", anew)
	}
	someone := string(id.NewUserID("someone", want.ServerName))
	matches := func(n Namespace) bool {
		re, err := regexp.Compile(n.Regex)
		return err == nil && re.MatchString(someone)
	}
	if !slices.ContainsFunc(r.Namespaces.Users, matches) {
		fail("the people of this server are in none of its namespaces", anew)
	}
	if covers(r.Namespaces.Users, someone) {
		fail("it reserves people's names for itself: nobody could register", anew)
	}
	if r.RateLimited {
		found = append(found, bridge.Finding{
			Level: bridge.LevelWarn, What: "double puppets: rate_limited is true, messages will be slowed down",
			Fix: "set rate_limited: false and restart the homeserver",
		})
	}
	if len(found) == 0 {
		found = append(found, bridge.Finding{Level: bridge.LevelOK, What: "double puppets: the registration fits the configuration"})
	}
	return found
}
