package matrix

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Options is what a [Service] needs to know.
type Options struct {
	URL        string // of the homeserver's client API, "http://127.0.0.1:8008"
	ServerName string // the part after the colon in user IDs
	ASToken    string // we show it to the homeserver
	HSToken    string // the homeserver shows it to us
	// PuppetToken lets us act as local users who are not ours: the as_token of a
	// registration of its own, see [NewPuppetRegistration]. "" = we never do.
	PuppetToken string
	ID          string // of the registration; default "steg"

	// BotLocalpart names the bot; default "steg". It must differ from
	// SenderLocalpart: Synapse refuses /sync to that one.
	BotLocalpart    string
	SenderLocalpart string // of the registration; "" when inside the namespace
	Prefix          string // of ghosts and aliases; default "_steg_"

	Listen    string // address that Run listens on; "" = Run serves no HTTP
	PublicURL string // where the outside reaches Handler's avatar path; "" = no avatar addresses
	// AvatarSecret seals avatar addresses. Stored, so that they stay the same.
	AvatarSecret [32]byte

	Federate    bool   // rooms we create may be joined from other servers
	RoomVersion string // of rooms we create; default "10"
	// Typing makes the bot's sync read who is typing, at the price of a wake-up for
	// each change, and only as long as the homeserver does not push it.
	Typing bool

	HTTPTimeout time.Duration // of one request; default 60 s
	// StallTimeout ends the copying of a file in which no byte has moved for so
	// long; default 60 s.
	StallTimeout time.Duration
	// Transport makes the requests; default: an own one with enough idle
	// connections.
	Transport http.RoundTripper
	Log       *slog.Logger
	Now       func() time.Time
}

var (
	localpartPattern = regexp.MustCompile(`^[a-z0-9._=/+-]+$`)
	prefixPattern    = regexp.MustCompile(`^[a-z0-9._-]+$`)
)

func (o Options) withDefaults() Options {
	o.URL = strings.TrimRight(o.URL, "/")
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	if o.ID == "" {
		o.ID = "steg"
	}
	if o.BotLocalpart == "" {
		o.BotLocalpart = "steg"
	}
	if o.Prefix == "" {
		o.Prefix = "_steg_"
	}
	if o.RoomVersion == "" {
		o.RoomVersion = "10"
	}
	if o.HTTPTimeout == 0 {
		o.HTTPTimeout = time.Minute
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = time.Minute
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (o Options) validate() error {
	var errs []error
	fail := func(text string) { errs = append(errs, errors.New(text)) }
	if u, err := url.Parse(o.URL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		fail("homeserver url: give the address of the client API, like http://127.0.0.1:8008")
	}
	if o.PublicURL != "" {
		if u, err := url.Parse(o.PublicURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			fail("public url: give a full address, like https://steg.example.org, or leave it out")
		}
	}
	if o.ServerName == "" || strings.ContainsAny(o.ServerName, " /@#!") {
		fail("homeserver name: give the part after the colon in user IDs, like school.example")
	}
	if o.ASToken == "" || o.HSToken == "" {
		fail("tokens: as_token and hs_token are missing, read them from registration.yaml")
	}
	if o.PuppetToken != "" && o.PuppetToken == o.ASToken {
		fail("double puppets: their registration has the as_token of the other one, write it anew")
	}
	if !prefixPattern.MatchString(o.Prefix) {
		fail("prefix: use only a-z 0-9 . _ -")
	}
	if !localpartPattern.MatchString(o.BotLocalpart) {
		fail("bot: use only a-z 0-9 . _ = / + -")
	}
	if o.BotLocalpart == o.SenderLocalpart {
		fail("bot: must differ from sender_localpart of the registration")
	}
	return errors.Join(errs...)
}
