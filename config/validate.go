package config

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/steg-bridge/steg/core/bridge"
)

// Words that a configuration may hold.
var (
	modes     = []string{"off", "announce", "both", "inbox"}
	languages = []string{"de", "en"}
	formats   = []string{"text", "json"}
	levels    = []string{"debug", "info", "warn", "error"}
)

// The shapes of names. A Matrix ID's local part is as the specification's
// historical grammar allows; a server name holds no white space or slash.
var (
	bridgeIDShape = regexp.MustCompile(`^[a-z0-9-]{1,16}$`)
	schoolIDShape = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	botShape      = regexp.MustCompile(`^[a-z0-9._=/-]{1,100}$`)
	serverShape   = regexp.MustCompile(`^([A-Za-z0-9.-]{1,230}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$`)
	userShape     = regexp.MustCompile(`^@[!-9;-~]+:[^\s/@]+$`)
	patternShape  = regexp.MustCompile(`^@[!-9;-~]*:[^\s/@*]+$`)
	aliasShape    = regexp.MustCompile(`^#[^\s:]+:[^\s/@#]+$`)
	roomShape     = regexp.MustCompile(`^![^\s]+$`)
)

// validate checks what the types cannot say.
func (c *Config) validate(found *problems) {
	c.Homeserver.validate(found)
	if !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") {
		if name, ok := strings.CutPrefix(c.Database, "sqlite:"); !ok || name == "" {
			found.at("database", "must be sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME")
		}
	}
	c.validateBridges(found)
	c.validateSchools(found)
	c.Limits.validate(found)
	if c.Admin.Listen == "off" {
		c.Admin.Listen = ""
	}
	checkListen(found, "admin.listen", c.Admin.Listen)
	if c.Admin.Listen != "" && c.Admin.Listen == c.Homeserver.Listen {
		found.at("admin.listen", "is the same as homeserver.listen: choose another port")
	}
	checkWord(found, "log.level", c.Log.Level, levels)
	checkWord(found, "log.format", c.Log.Format, formats)
}

// validate checks the homeserver's part.
func (h *Homeserver) validate(found *problems) {
	const below = "homeserver."
	if h.URL == "" {
		found.at(below+"url", "is missing: write where the homeserver's client API answers, for example http://127.0.0.1:8008")
	}
	if h.Name == "" {
		found.at(below+"name", "is missing: write the homeserver's server_name, the part after the colon in its users' IDs")
	} else if !serverShape.MatchString(h.Name) {
		found.at(below+"name", "is not a server name: write only what stands after the colon in the users' IDs, without https:// or a path")
	}
	h.URL = checkURL(found, below+"url", h.URL)
	h.PushURL = checkURL(found, below+"push_url", h.PushURL)
	h.PublicURL = checkURL(found, below+"public_url", h.PublicURL)
	if h.Registration == "" {
		found.at(below+"registration", "is empty: name the file that \"steg registration\" writes")
	}
	checkListen(found, below+"listen", h.Listen)
	if h.Listen == "" {
		found.at(below+"listen", "is empty: write where to take the homeserver's transactions, for example 127.0.0.1:29300")
	}
	if !botShape.MatchString(h.Bot) || strings.HasPrefix(h.Bot, "_steg_") {
		found.at(below+"bot", "must be lower-case letters, digits and . _ = - / only, and not begin with _steg_")
	}
}

// checkURL checks an address that may be empty and returns it without a slash
// at its end.
func checkURL(found *problems, path, text string) string {
	if text == "" {
		return ""
	}
	address, err := url.Parse(text)
	switch {
	case err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https":
		found.at(path, "must be an address that begins with http:// or https://")
	case address.User != nil || address.RawQuery != "" || address.Fragment != "":
		found.at(path, "must hold no login, no ? and no #")
	}
	return strings.TrimRight(text, "/")
}

// checkListen checks an address to listen on that may be empty.
func checkListen(found *problems, path, text string) {
	if text == "" {
		return
	}
	_, port, err := net.SplitHostPort(text)
	number, portErr := strconv.Atoi(port)
	if err != nil || portErr != nil || number < 0 || number > 65535 {
		found.at(path, "must be HOST:PORT, for example 127.0.0.1:29300")
	}
}

// checkWord checks that a value is one of a few words.
func checkWord(found *problems, path, value string, known []string) {
	if !slices.Contains(known, value) {
		found.at(path, "unknown word %q%s", value, hint(value, known))
	}
}

// validateBridges checks what the bridges share.
func (c *Config) validateBridges(found *problems) {
	seen := map[bridge.ID]int{}
	for _, b := range c.Bridges {
		path := b.path + ".id"
		switch first, double := seen[b.ID]; {
		case b.ID == "":
			found.at(path, "is missing: choose a short name that never changes, such as mm; it becomes part of Matrix IDs")
		case !bridgeIDShape.MatchString(string(b.ID)):
			found.at(path, "must be 1 to 16 lower-case letters, digits or -")
		case double:
			found.at(path, "is used already in line %d: choose another", first)
		}
		if _, double := seen[b.ID]; !double {
			seen[b.ID] = found.root.lineOf(path)
		}
	}
}

// validate checks the limits that are set.
func (l Limits) validate(found *problems) {
	if l.LoopPerMinute != nil && *l.LoopPerMinute < 0 {
		found.at("limits.loop_per_minute", "must be 0 (off) or more")
	}
	if l.MaxHops != nil && *l.MaxHops < 1 {
		found.at("limits.max_hops", "must be 1 or more")
	}
	if l.UnknownAttempts != nil && *l.UnknownAttempts < 1 {
		found.at("limits.unknown_attempts", "must be 1 or more")
	}
	if l.MembersShown != nil && *l.MembersShown < 0 {
		found.at("limits.members_shown", "must be 0 (only those who write) or more")
	}
}
