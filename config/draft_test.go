package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/config"
)

func TestExampleLoads(t *testing.T) {
	t.Parallel()
	cfg := load(t, config.Example(definitions()))
	if len(cfg.Bridges) != 1 || len(cfg.Schools) != 1 || len(cfg.Schools[0].Portals) != 2 || len(cfg.Warnings) != 0 {
		t.Errorf("example has %d bridges, %d schools, warnings %v", len(cfg.Bridges), len(cfg.Schools), cfg.Warnings)
	}
	if toy := open(t, cfg.Bridges[0]); toy.cfg.URL != "https://toy.example" || toy.secret != "from-file" {
		t.Errorf("example's bridge: %+v", toy.cfg)
	}
}

// TestDraftReadsBack writes values that YAML could take for something else.
func TestDraftReadsBack(t *testing.T) {
	t.Parallel()
	school := config.School{
		ID: "on", Name: `"Gymnasium": {Uri} # 1\2`, Language: "de", Admins: []string{"@null:school.example", "@a+b:school.example"},
		Spaces: new(false),
		Portals: []config.Portal{
			{Bridge: "1", Chat: "gym/klasse-*", Mode: "off"},
			{Bridge: "1", Chat: "- [x]", Room: "#lobby:school.example", Mode: "both"},
		},
	}
	draft := config.Draft{
		Homeserver: config.Homeserver{
			URL: "https://matrix.school.example", Name: "school.example", Listen: "0.0.0.0:29400",
			PushURL: "http://steg:29400", PublicURL: "https://steg.school.example", Bot: "gate", Typing: true,
			Registration: "reg.yaml", Federate: true,
		},
		Database: "postgres://steg:${TOY_TOKEN}@db/steg",
		Admin:    config.Admin{Listen: "off"},
		Bridges: []config.DraftBridge{{
			ID: "1", Kind: "toy",
			Settings: map[string]string{"url": "https://x.example:8065/a#b", "tries": "7", "token": "n"},
		}},
		School: school,
	}
	text := draft.Render(definitions())
	text = strings.Replace(text, "token_file: toy.token", "", 1)
	cfg := load(t, text)
	if diff := cmp.Diff([]config.School{school}, cfg.Schools); diff != "" {
		t.Errorf("school (-want +got):\n%s", diff)
	}
	want := draft.Homeserver
	want.Registration = filepath.Join(filepath.Dir(cfg.File), "reg.yaml")
	if diff := cmp.Diff(want, cfg.Homeserver); diff != "" {
		t.Errorf("homeserver (-want +got):\n%s", diff)
	}
	toy := open(t, cfg.Bridges[0])
	if toy.cfg.URL != "https://x.example:8065/a#b" || toy.cfg.Tries != 7 || toy.secret != "n" {
		t.Errorf("bridge: %+v, secret %q", toy.cfg, toy.secret)
	}
	if cfg.Database != "postgres://steg:s3cret@db/steg" || cfg.Admin.Listen != "" {
		t.Errorf("database %q, admin %q", cfg.Database, cfg.Admin.Listen)
	}
}

func TestDraftWithNothing(t *testing.T) {
	t.Parallel()
	draft := config.Draft{
		Homeserver: config.Homeserver{URL: "http://127.0.0.1:8008", Name: "school.example"},
		School:     config.School{ID: "gym", Name: "gym"},
	}
	cfg := load(t, draft.Render(nil))
	if len(cfg.Bridges) != 0 || len(cfg.Schools) != 1 {
		t.Errorf("got %d bridges and %d schools", len(cfg.Bridges), len(cfg.Schools))
	}
}
