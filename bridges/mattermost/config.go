package mattermost

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Config is what an operator writes about a Mattermost server.
type Config struct {
	// URL is the address that people type into their browser.
	URL string `yaml:"url"`
	// Token is the access token of the bot account; TokenFile names a file that
	// holds it. Exactly one of them is set.
	Token     string `yaml:"token"`
	TokenFile string `yaml:"token_file"`
	// Identity is who speaks for Matrix people: "relay", the bot account for all of
	// them, or "bots", a bot account for each, which AdminToken makes.
	Identity string `yaml:"identity"`
	// AdminToken is the access token of a system administrator's account, used for
	// nothing but making those accounts; AdminTokenFile names a file that holds it.
	AdminToken     string `yaml:"admin_token"`
	AdminTokenFile string `yaml:"admin_token_file"`
	// Timeout is how long one request may take, and how long the copying of a file
	// may stand still.
	Timeout time.Duration `yaml:"timeout"`
	// Keepalive is how often an idle connection is asked whether it still hears.
	Keepalive time.Duration `yaml:"keepalive"`
}

const (
	defaultTimeout   = 30 * time.Second
	defaultKeepalive = 30 * time.Second
	identityRelay    = "relay"
	identityBots     = "bots"
	minDuration      = 100 * time.Millisecond
	maxDuration      = 5 * time.Minute
)

func defaults() *Config {
	return &Config{Identity: identityRelay, Timeout: defaultTimeout, Keepalive: defaultKeepalive}
}

// Validate reports all problems at once.
func (c *Config) Validate() error {
	errs := []error{checkURL(c.URL)}
	switch {
	case c.Token == "" && c.TokenFile == "":
		errs = append(errs, errors.New("token_file: missing: name a file that holds the access token of the bot account"))
	case c.Token != "" && c.TokenFile != "":
		errs = append(errs, errors.New("token, token_file: both are set: remove one"))
	}
	errs = append(errs, c.checkIdentity())
	for key, d := range map[string]time.Duration{"timeout": c.Timeout, "keepalive": c.Keepalive} {
		if d < minDuration || d > maxDuration {
			errs = append(errs, fmt.Errorf("%s: %v is out of range: write a time from %v to %v, such as 30s", key, d, minDuration, maxDuration))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) checkIdentity() error {
	given := c.AdminToken != "" || c.AdminTokenFile != ""
	switch {
	case c.Identity != "" && c.Identity != identityRelay && c.Identity != identityBots:
		return fmt.Errorf("identity: %q is not known: write %s (one bot speaks for all) or %s (a bot account for each Matrix person)",
			c.Identity, identityRelay, identityBots)
	case c.Identity != identityBots && given:
		return errors.New("admin_token_file: used only with identity: bots: remove it, or set identity")
	case c.Identity == identityBots && !given:
		return errors.New("admin_token_file: missing: identity bots needs a file with a system administrator's access token, which makes the accounts")
	case c.AdminToken != "" && c.AdminTokenFile != "":
		return errors.New("admin_token, admin_token_file: both are set: remove one")
	}
	return nil
}

func checkURL(raw string) error {
	const want = "write the address of the server, such as https://chat.school.example"
	if raw == "" {
		return errors.New("url: missing: " + want)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("url: not an address: " + want)
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("url: must begin with https:// (or http://): " + want)
	case u.Host == "":
		return errors.New("url: has no host: " + want)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("url: must hold neither a user nor ? nor #: " + want)
	case strings.Contains(u.Path, "/api/"):
		return errors.New("url: must end before /api: " + want)
	}
	return nil
}
