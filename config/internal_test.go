package config

import (
	"strings"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"A": "1", "B_2": "${A}"}[name]
		return value, ok
	}
	for in, want := range map[string]string{
		"":               "",
		"plain $ } text": "plain $ } text",
		"${A}":           "1",
		"x${A}y${A}z":    "x1y1z",
		"${B_2}":         "${A}", // once only
		"$${A}":          "${A}",
		"a$${A}${A}":     "a${A}1",
		"$A":             "$A",
	} {
		if got, err := expand(in, env); err != nil || got != want {
			t.Errorf("expand(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"${A", "${}", "${NONE}", "${1A}", "${A B}", "${A${A}}"} {
		if got, err := expand(in, env); err == nil {
			t.Errorf("expand(%q) = %q, want an error", in, got)
		}
	}
}

func TestEditDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a", "", 1},
		{"", "ab", 2},
		{"url", "url", 0},
		{"urll", "url", 1},
		{"ulr", "url", 1},
		{"brigde", "bridge", 1},
		{"kitten", "sitting", 3},
	} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
	if got := suggest("x", []string{"a", "no"}); got != "" {
		t.Errorf("suggest(x) = %q, want nothing close", got)
	}
	if got := editDistance(strings.Repeat("a", 1<<20), "a"); got < 3 {
		t.Errorf("a long word is %d away", got)
	}
}

func TestSecretNeverInErrors(t *testing.T) {
	t.Parallel()
	const secret = "correct-horse"
	for _, text := range []string{
		"homeserver: {url: \"http://u:" + secret + "@h\", name: s}",
		"bridges: [{id: a, kind: toy, token: " + secret + ", tries: " + secret + "}]",
		"database: mysql://u:" + secret + "@h/d",
		"bridges: [{id: a, kind: toy, token: {x: " + secret + "}}]",
	} {
		_, found := decode("steg.yaml", []byte(text), fuzzDefinitions(), noEnv)
		err := found.err("steg.yaml")
		if err == nil {
			t.Errorf("%q was accepted", text)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func noEnv(string) (string, bool) { return "", false }

type fuzzConfig struct {
	Token string   `yaml:"token"`
	Tries int      `yaml:"tries"`
	List  []string `yaml:"list"`
}

func (*fuzzConfig) Validate() error { return nil }

func fuzzDefinitions() []bridge.Definition {
	return []bridge.Definition{bridge.Define("toy", "Toy", "token: x",
		func() *fuzzConfig { return &fuzzConfig{} },
		func(*fuzzConfig, bridge.Deps) (bridge.Bridge, error) { return nil, nil })}
}

// FuzzDecode feeds anything to the reader: it must answer with a configuration
// or with problems that have a text, and an accepted one must keep the rules
// that the rest of the program builds on.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(Example(fuzzDefinitions())))
	f.Add([]byte("homeserver: {url: http://a, name: b}\nbridges: [{id: x, kind: toy, token: ${A}}]\n"))
	f.Add([]byte("a: &x [*x]\n"))
	f.Add([]byte("? {a: b}\n: c\n"))
	f.Add([]byte("schools:\n- id: a\n  portals: [{bridge: x, chat: \"a/*\"}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			t.Skip("larger inputs only take time")
		}
		cfg, found := decode("steg.yaml", data, fuzzDefinitions(), noEnv)
		for _, problem := range found.list {
			if problem.Text == "" || problem.Line < 0 {
				t.Errorf("problem without text or with line %d", problem.Line)
			}
		}
		if len(found.list) > 0 {
			return
		}
		if cfg.Homeserver.URL == "" || cfg.Homeserver.Name == "" || cfg.Database == "" {
			t.Errorf("accepted without homeserver or database: %+v", cfg)
		}
		for _, b := range cfg.Bridges {
			if !bridgeIDShape.MatchString(string(b.ID)) || b.Definition.New == nil {
				t.Errorf("accepted the bridge %q", b.ID)
			}
		}
	})
}
