package mattermost

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/core/bridge"
)

func strict(text string) func(any) error {
	return func(into any) error { return yaml.UnmarshalWithOptions([]byte(text), into, yaml.Strict()) }
}

func TestExampleIsValid(t *testing.T) {
	t.Parallel()
	d := Definition()
	asked := ""
	deps := bridge.Deps{ID: "mm", Secret: func(_, file string) (string, error) {
		asked = file
		return "token\n", nil
	}}
	b, err := d.New(strict(d.Example), deps)
	if err != nil {
		t.Fatal(err)
	}
	n, ok := b.(*network)
	if !ok || n.token != "token" || asked != "mattermost.token" {
		t.Errorf("a %T with the token of %q", b, asked)
	}
	if caps := b.Capabilities(); caps.MaxText != maxText || !caps.Threads || !caps.IDStable || caps.Markup == "" {
		t.Errorf("capabilities %+v", caps)
	}
	if diff := cmp.Diff(defaults().Timeout, n.cfg.Timeout); diff != "" {
		t.Errorf("the example shows another default:\n%s", diff)
	}
}

func TestUnknownKeyFails(t *testing.T) {
	t.Parallel()
	d := Definition()
	if _, err := d.New(strict("url: https://chat.school.example\ntokn: x"), bridge.Deps{ID: "mm"}); err == nil {
		t.Error("an unknown key is taken")
	}
}

func TestSecretFails(t *testing.T) {
	t.Parallel()
	d := Definition()
	want := errors.New("no such file")
	_, err := d.New(strict(d.Example), bridge.Deps{ID: "mm", Secret: func(string, string) (string, error) { return "", want }})
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// All problems are told at once, each with its key.
func TestValidate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  Config
		want []string
	}{
		"good":      {Config{URL: "https://chat.school.example/mm", TokenFile: "f", Timeout: time.Second, Keepalive: time.Second}, nil},
		"empty":     {Config{}, []string{"url: missing", "token_file: missing", "timeout: 0s", "keepalive: 0s"}},
		"two":       {Config{URL: "https://a", Token: "x", TokenFile: "f", Timeout: time.Second, Keepalive: time.Second}, []string{"token, token_file: both"}},
		"no scheme": {Config{URL: "chat.school.example", Token: "x", Timeout: time.Second, Keepalive: time.Hour}, []string{"url: must begin with https://", "keepalive: 1h0m0s"}},
		"no host":   {Config{URL: "https://", Token: "x", Timeout: time.Second, Keepalive: time.Second}, []string{"url: has no host"}},
		"user":      {Config{URL: "https://a:b@c", Token: "x", Timeout: time.Second, Keepalive: time.Second}, []string{"url: must hold neither"}},
		"api":       {Config{URL: "https://c/api/v4", Token: "x", Timeout: time.Second, Keepalive: time.Second}, []string{"url: must end before /api"}},
		"identity":  {Config{URL: "https://c", Token: "x", Identity: "puppets", Timeout: time.Second, Keepalive: time.Second}, []string{`identity: "puppets" is not known`}},
		"bots":      {Config{URL: "https://c", Token: "x", Identity: "bots", Timeout: time.Second, Keepalive: time.Second}, []string{"admin_token_file: missing"}},
		"relay":     {Config{URL: "https://c", Token: "x", AdminToken: "y", Timeout: time.Second, Keepalive: time.Second}, []string{"admin_token_file: used only"}},
		"two admin": {Config{URL: "https://c", Token: "x", Identity: "bots", AdminToken: "y", AdminTokenFile: "z", Timeout: time.Second, Keepalive: time.Second}, []string{"admin_token, admin_token_file: both"}},
		"broken":    {Config{URL: "https://[", Token: "x", Timeout: time.Second, Keepalive: time.Second}, []string{"url: not an address"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.cfg.Validate()
			if (err == nil) != (c.want == nil) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %v lacks %q", err, w)
				}
			}
		})
	}
}

func TestCursor(t *testing.T) {
	t.Parallel()
	for _, c := range []cursor{
		{}, {from: 1, at: 2, id: "pnh5rkca5inh78unjir3mbzzoo"}, {from: 1795354699432, at: 1795354699576, walk: 1795354699999},
	} {
		got, err := parseCursor(c.encode())
		if err != nil || got != c {
			t.Errorf("%+v came back as %+v, error %v", c, got, err)
		}
	}
	for _, s := range []bridge.Cursor{"", "1", "2:1:1:1:", "1:x:1:1:", "1:1:-1:1:", "1:1:1:1:short", "1:1:1:1:1:1"} {
		if _, err := parseCursor(s); err == nil {
			t.Errorf("cursor %q was read", s)
		}
	}
	c := cursor{from: 1, at: 10, id: "a"}
	if got := c.moved("b", 5); got != c {
		t.Errorf("an earlier change moved the cursor to %+v", got)
	}
	if got, want := c.moved("b", 11), (cursor{from: 1, at: 11, id: "b"}); got != want {
		t.Errorf("moved to %+v, want %+v", got, want)
	}
}
