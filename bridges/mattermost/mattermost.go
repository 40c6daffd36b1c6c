package mattermost

import (
	_ "embed" // for the example
	"net/http"
	"strings"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// Kind is the word for this bridge in the configuration.
const Kind = "mattermost"

// maxText is how long a text may be. A post holds 16383 characters
// (MaxPostSize); the rest is room for the author's name and what escaping adds.
const maxText = 16000

// connsPerHost allows sweeps and lanes to run side by side on kept connections.
const connsPerHost = 64

//go:embed example.yaml
var example string

// Definition describes this kind of bridge.
func Definition() bridge.Definition {
	return bridge.Define(Kind, "Mattermost", example, defaults, open)
}

// network is one configured server.
type network struct {
	cfg   *Config
	deps  bridge.Deps
	token string
	admin string // an administrator's token, which makes accounts; "" = nobody does
	http  *http.Client
	files *http.Client // likewise, without a limit of the whole time
}

var _ bridge.Bridge = (*network)(nil)

func open(cfg *Config, deps bridge.Deps) (bridge.Bridge, error) {
	token, err := deps.Secret(cfg.Token, cfg.TokenFile)
	if err != nil {
		return nil, err
	}
	admin := ""
	if cfg.Identity == identityBots {
		if admin, err = deps.Secret(cfg.AdminToken, cfg.AdminTokenFile); err != nil {
			return nil, err
		}
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		MaxIdleConnsPerHost:   connsPerHost,
		MaxConnsPerHost:       connsPerHost,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		ForceAttemptHTTP2:     true,
	}
	// A redirect turns a POST into a GET: tell instead of guessing.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &network{
		cfg: cfg, deps: deps, token: strings.TrimSpace(token), admin: strings.TrimSpace(admin),
		http:  &http.Client{Transport: transport, Timeout: cfg.Timeout, CheckRedirect: stay},
		files: &http.Client{Transport: transport, CheckRedirect: stay},
	}, nil
}

func (n *network) Capabilities() bridge.Capabilities {
	return bridge.Capabilities{
		MaxText: maxText, Markup: "mattermost", Threads: true, IDStable: true, SharedReactions: true, Puppets: n.admin != "",
	}
}

func (n *network) Open(login bridge.Login) (bridge.Client, error) {
	token := n.token
	if login.Secret != "" {
		var err error
		if token, err = n.unseal(login.Secret); err != nil {
			return nil, err
		}
	}
	return newClient(n, login, token), nil
}
