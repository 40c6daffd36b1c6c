package config_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/config"
	"github.com/steg-bridge/steg/core/bridge"
)

// toyConfig stands for the settings of some network.
type toyConfig struct {
	URL       string        `yaml:"url"`
	Token     string        `yaml:"token"`
	TokenFile string        `yaml:"token_file"`
	Wait      time.Duration `yaml:"wait"`
	Tries     int           `yaml:"tries"`
	Markup    bool          `yaml:"markup"`
	Teams     []string      `yaml:"teams"`
	Deep      struct {
		Ratio *float64          `yaml:"ratio"`
		Names map[string]string `yaml:"names"`
	} `yaml:"deep"`
}

func (c *toyConfig) Validate() error {
	var all []error
	if c.URL == "" {
		all = append(all, errors.New("url is missing: write the server's address"))
	}
	if c.Tries > 9 {
		all = append(all, errors.New("tries: must be at most 9"))
	}
	return errors.Join(all...)
}

// toyBridge shows what it was made with.
type toyBridge struct {
	bridge.Bridge
	cfg    toyConfig
	id     bridge.ID
	secret string
}

const toyExample = `# The server's address.
url: https://toy.example
# The token, in a file of its own.
token_file: toy.token
# tries: 3 # how often
`

func definitions() []bridge.Definition {
	return []bridge.Definition{bridge.Define("toy", "Toy", toyExample,
		func() *toyConfig { return &toyConfig{Tries: 3} },
		func(cfg *toyConfig, deps bridge.Deps) (bridge.Bridge, error) {
			secret, err := deps.Secret(cfg.Token, cfg.TokenFile)
			if err != nil {
				return nil, err
			}
			return &toyBridge{cfg: *cfg, id: deps.ID, secret: secret}, nil
		})}
}

// env is the environment of the tests.
func env(name string) (string, bool) {
	value, ok := map[string]string{"TOY_TOKEN": "s3cret", "PORT": "29400", "EMPTY": "", "EVIL": "a: b\n- c"}[name]
	return value, ok
}

// write makes a configuration file beside a file with a token.
func write(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"steg.yaml": text, "toy.token": "from-file\n", "empty.token": " \n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatalf("write %s: %v", name, err)
		}
	}
	return filepath.Join(dir, "steg.yaml")
}

// load loads a text that must be right.
func load(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Load(write(t, text), definitions(), env)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return cfg
}

// open opens a bridge that must open.
func open(t *testing.T, b config.Bridge) *toyBridge {
	t.Helper()
	opened, err := b.Open(slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatalf("open %s: %v", b.ID, err)
	}
	toy, ok := opened.(*toyBridge)
	if !ok {
		t.Fatalf("opened %T", opened)
	}
	return toy
}

const small = `homeserver: {url: "http://127.0.0.1:8008/", name: school.example}
bridges:
  - {id: mm, kind: toy, url: https://toy.example, token: "${TOY_TOKEN}"}
schools: [{id: gym}]
`

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	cfg := load(t, small)
	dir := filepath.Dir(cfg.File)
	want := config.Homeserver{
		URL: "http://127.0.0.1:8008", Name: "school.example", Bot: "steg", Typing: true, Listen: "127.0.0.1:29300",
		Registration: filepath.Join(dir, "registration.yaml"),
	}
	if diff := cmp.Diff(want, cfg.Homeserver); diff != "" {
		t.Errorf("homeserver (-want +got):\n%s", diff)
	}
	if want := "sqlite:" + filepath.Join(dir, "steg.db"); cfg.Database != want {
		t.Errorf("database = %q, want %q", cfg.Database, want)
	}
	if cfg.Admin.Listen != "127.0.0.1:29301" || cfg.Log.Threshold() != slog.LevelInfo || cfg.Log.Format != "text" {
		t.Errorf("admin %q, level %v, format %q", cfg.Admin.Listen, cfg.Log.Threshold(), cfg.Log.Format)
	}
	if len(cfg.Warnings) > 0 {
		t.Errorf("warnings: %v", cfg.Warnings)
	}
	toy := open(t, cfg.Bridges[0])
	if toy.secret != "s3cret" || toy.id != "mm" || toy.cfg.Tries != 3 {
		t.Errorf("opened with secret %q, id %q, tries %d", toy.secret, toy.id, toy.cfg.Tries)
	}
}

func TestLoadEverything(t *testing.T) {
	t.Parallel()
	cfg := load(t, `
homeserver:
  url: https://matrix.school.example
  name: school.example:8448
  registration: /etc/steg/registration.yaml
  listen: 0.0.0.0:${PORT}
  push_url: http://steg:29400/
  public_url: https://steg.school.example
  federate: true
  bot: gateway
  typing: false
database: postgres://steg@db.example/steg
bridges:
  - id: mm
    kind: toy
    url: https://toy.example
    token_file: toy.token
    wait: 1m30s
    tries: 7
    markup: true
    teams: [a, "b", 3]
    deep: {ratio: 0.5, names: {x: y}}
  - {id: m2, kind: toy, url: "$${plain}", token: t, }
schools:
  - id: gym
    name: "Gymnasium: Uri"
    language: de
    admins: ["@net:school.example:8448"]
    direct_chats: true
    read_marks: true
    presence: true
    portals:
      - {bridge: mm, chat: gym/marktplatz, mode: both}
      - {bridge: mm, chat: "gym/klasse-*"}
      - {bridge: m2, chat: x, room: "#m:school.example", mode: announce, members: ["@*:school.example", "@a:b"]}
      - {bridge: m2, chat: y, room: "#m:school.example"}
  - {id: sek}
limits: {loop_per_minute: 0, max_hops: 2, target_wait: 5s, unknown_attempts: 1, members_shown: 50}
admin: {listen: off}
log: {level: debug, format: json}
`)
	if cfg.Database != "postgres://steg@db.example/steg" || cfg.Admin.Listen != "" || cfg.Log.Threshold() != slog.LevelDebug {
		t.Errorf("database %q, admin %q, level %v", cfg.Database, cfg.Admin.Listen, cfg.Log.Threshold())
	}
	wantHome := config.Homeserver{
		URL: "https://matrix.school.example", Name: "school.example:8448", Registration: "/etc/steg/registration.yaml",
		Listen: "0.0.0.0:29400", PushURL: "http://steg:29400", PublicURL: "https://steg.school.example", Federate: true, Bot: "gateway",
	}
	if diff := cmp.Diff(wantHome, cfg.Homeserver); diff != "" {
		t.Errorf("homeserver (-want +got):\n%s", diff)
	}
	toy := open(t, cfg.Bridges[0])
	wantToy := toyConfig{URL: "https://toy.example", TokenFile: "toy.token", Wait: 90 * time.Second, Tries: 7, Markup: true, Teams: []string{"a", "b", "3"}}
	wantToy.Deep.Ratio, wantToy.Deep.Names = new(0.5), map[string]string{"x": "y"}
	if diff := cmp.Diff(wantToy, toy.cfg); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if toy.secret != "from-file" {
		t.Errorf("secret = %q", toy.secret)
	}
	if url := open(t, cfg.Bridges[1]).cfg.URL; url != "${plain}" {
		t.Errorf("escaped ${ became %q", url)
	}
	wantSchools := []config.School{
		{
			ID: "gym", Name: "Gymnasium: Uri", Language: "de", Admins: []string{"@net:school.example:8448"},
			DirectChats: true, ReadMarks: true, Presence: true,
			Portals: []config.Portal{
				{Bridge: "mm", Chat: "gym/marktplatz", Mode: "both"},
				{Bridge: "mm", Chat: "gym/klasse-*"},
				{Bridge: "m2", Chat: "x", Room: "#m:school.example", Mode: "announce", Members: []string{"@*:school.example", "@a:b"}},
				{Bridge: "m2", Chat: "y", Room: "#m:school.example"},
			},
		},
		{ID: "sek", Name: "sek", Language: "en"},
	}
	if diff := cmp.Diff(wantSchools, cfg.Schools); diff != "" {
		t.Errorf("schools (-want +got):\n%s", diff)
	}
	wantLimits := config.Limits{LoopPerMinute: new(0), MaxHops: new(2), TargetWait: new(5 * time.Second), UnknownAttempts: new(1), MembersShown: new(50)}
	if diff := cmp.Diff(wantLimits, cfg.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}

// TestEnvironmentCannotAddKeys shows that values are replaced after parsing.
func TestEnvironmentCannotAddKeys(t *testing.T) {
	t.Parallel()
	cfg := load(t, strings.Replace(small, "${TOY_TOKEN}", "${EVIL}", 1))
	if secret := open(t, cfg.Bridges[0]).secret; secret != "a: b\n- c" {
		t.Errorf("secret = %q", secret)
	}
}

func TestOpenAfterSecretVanished(t *testing.T) {
	t.Parallel()
	cfg := load(t, strings.Replace(small, `token: "${TOY_TOKEN}"`, "token_file: toy.token", 1))
	if err := os.Remove(filepath.Join(filepath.Dir(cfg.File), "toy.token")); err != nil {
		t.Fatal(err)
	}
	_, err := cfg.Bridges[0].Open(slog.New(slog.DiscardHandler), time.Now)
	if err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("error = %v", err)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	path := write(t, `homeserver: {url: http://127.0.0.1:8008, name: school.example}
bridges:
  - {id: a, kind: toy, url: https://toy.example, token: inline}
  - {id: b, kind: toy, url: https://toy.example, token_file: toy.token}
schools: [{id: gym}]
`)
	dir := filepath.Dir(path)
	if err := os.WriteFile(filepath.Join(dir, "registration.yaml"), []byte("id: steg"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(want ...string) {
		t.Helper()
		cfg, err := config.Load(path, definitions(), env)
		if err != nil {
			t.Fatalf("load: %v", err)
		}
		var got []string
		for _, w := range cfg.Warnings {
			text, _, _ := strings.Cut(w.In("steg.yaml"), " and every user")
			got = append(got, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
	}
	check()
	for _, name := range []string{"steg.yaml", "registration.yaml", "toy.token"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check("steg.yaml: holds a secret",
		"steg.yaml:1: homeserver.registration: the file holds tokens",
		"steg.yaml:4: bridges[1].token_file: the file holds a secret")
}

func TestNothingToDoIsAWarning(t *testing.T) {
	t.Parallel()
	cfg := load(t, "homeserver: {url: http://127.0.0.1:8008, name: school.example}\nschools: []\n")
	var got []string
	for _, w := range cfg.Warnings {
		got = append(got, w.In("steg.yaml"))
	}
	want := []string{
		"steg.yaml: bridges: there are none, so nothing can cross: add one",
		"steg.yaml:2: schools: there are none, so nobody may link a chat: add one with its admins",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}
