package matrix_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix"
)

var wanted = matrix.RegistrationOptions{
	URL: "http://127.0.0.1:8010/", ServerName: "school.example", Protocols: []string{"mattermost"},
}

func TestRegistrationRoundTrip(t *testing.T) {
	t.Parallel()
	made := matrix.NewRegistration(wanted)
	body, err := made.YAML()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "registration.yaml")
	if err := os.WriteFile(file, append(body, "\nio.element.msc4190: true\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := matrix.LoadRegistration(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, got); diff != "" {
		t.Error(diff)
	}
	for _, line := range []string{
		`^@_steg_.*:school\.example$`, `^@steg:school\.example$`, `^#_steg_.*:school\.example$`,
		"rate_limited: false", "receive_ephemeral: true", "de.sorunome.msc2409.push_ephemeral: true", "url: http://127.0.0.1:8010\n",
	} {
		if !strings.Contains(string(body), line) {
			t.Errorf("no %q in:\n%s", line, body)
		}
	}
	again := matrix.NewRegistration(wanted)
	if again.ASToken == made.ASToken || made.ASToken == made.HSToken || len(made.ASToken) < 40 || again.SenderLocalpart == made.SenderLocalpart {
		t.Error("tokens are not random")
	}
}

func TestRegistrationCompare(t *testing.T) {
	t.Parallel()
	if got := matrix.NewRegistration(wanted).Compare(wanted); len(got) != 1 || got[0].Level != bridge.LevelOK {
		t.Errorf("%+v", got)
	}
	for name, c := range map[string]struct {
		change func(*matrix.Registration)
		level  bridge.Level
		word   string
	}{
		"url":       {func(r *matrix.Registration) { r.URL = "http://other" }, bridge.LevelFail, "url"},
		"id":        {func(r *matrix.Registration) { r.ID = "other" }, bridge.LevelFail, "id"},
		"bot":       {func(r *matrix.Registration) { r.Namespaces.Users = r.Namespaces.Users[1:] }, bridge.LevelFail, "bot"},
		"ghosts":    {func(r *matrix.Registration) { r.Namespaces.Users = r.Namespaces.Users[:1] }, bridge.LevelFail, "ghosts"},
		"open":      {func(r *matrix.Registration) { r.Namespaces.Users[1].Exclusive = false }, bridge.LevelFail, "ghosts"},
		"everybody": {func(r *matrix.Registration) { r.Namespaces.Users[1].Regex = "@.*" }, bridge.LevelFail, "people's own"},
		"aliases":   {func(r *matrix.Registration) { r.Namespaces.Aliases = nil }, bridge.LevelFail, "aliases"},
		"sender":    {func(r *matrix.Registration) { r.SenderLocalpart = "steg" }, bridge.LevelFail, "sender_localpart"},
		"tokens":    {func(r *matrix.Registration) { r.HSToken = r.ASToken }, bridge.LevelFail, "same"},
		"limited":   {func(r *matrix.Registration) { r.RateLimited = true }, bridge.LevelWarn, "rate_limited"},
		"protocols": {func(r *matrix.Registration) { r.Protocols = nil }, bridge.LevelWarn, "mattermost"},
	} {
		r := matrix.NewRegistration(wanted)
		c.change(r)
		got := r.Compare(wanted)
		if len(got) != 1 || got[0].Level != c.level || !strings.Contains(got[0].What, c.word) || got[0].Fix == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestBrokenRegistration(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"yaml": "as_token: [secret", "tokens": "as_token: secret\n"} {
		file := filepath.Join(t.TempDir(), "registration.yaml")
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := matrix.LoadRegistration(file); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := matrix.LoadRegistration(filepath.Join(t.TempDir(), "none.yaml")); err == nil {
		t.Error("a missing file was read")
	}
}
