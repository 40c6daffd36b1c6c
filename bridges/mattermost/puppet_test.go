package mattermost

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/bridges/mattermost/mattermosttest"
	"github.com/steg-bridge/steg/core/bridge"
)

func TestPuppetNames(t *testing.T) {
	t.Parallel()
	for who, want := range map[id.UserID]string{
		"@anna:school.example":                                "anna-matrix",
		"@Anna.Arnold:school.example":                         "anna.arnold-matrix",
		"@=f0=9f=a6=8a:school.example":                        "f0-9f-a6-8a-matrix",
		"@__:school.example":                                  "person-matrix",
		"@1/2+3:school.example":                               "1-2-3-matrix",
		id.UserID("@" + strings.Repeat("x", 200) + ":school"): strings.Repeat("x", 48) + "-matrix",
	} {
		names := puppetNames(who)
		if names[0] != want {
			t.Errorf("%s is called %q, want %q", who, names[0], want)
		}
		for _, name := range names {
			if !model.IsValidUsername(name) {
				t.Errorf("the server refuses %q", name)
			}
		}
	}
	if a, b := puppetNames("@anna:one"), puppetNames("@anna:two"); a[1] == b[1] {
		t.Error("two people share a last name")
	}
}

func TestSealedTokens(t *testing.T) {
	t.Parallel()
	n, other, nobody := &network{admin: "a"}, &network{admin: "b"}, &network{}
	sealed, err := n.seal("token")
	if err != nil || strings.Contains(sealed, "token") {
		t.Fatalf("sealed as %q, %v", sealed, err)
	}
	if again, err := n.seal("token"); again == sealed || err != nil {
		t.Error("the same token looks the same twice")
	}
	if got, err := n.unseal(sealed); got != "token" || err != nil {
		t.Errorf("unsealed %q, %v", got, err)
	}
	for _, broken := range []string{"", "x", "*", sealed[:20], sealed + "AAAA"} {
		if _, err := n.unseal(broken); !errors.Is(err, errSeal) {
			t.Errorf("%q: %v", broken, err)
		}
	}
	for _, net := range []*network{other, nobody} {
		if _, err := net.unseal(sealed); !errors.Is(err, errSeal) {
			t.Errorf("another administrator's token opens it: %v", err)
		}
	}
}

// Somebody else has the names already: the account is made under the last one, and
// nobody's account is taken over.
func TestPuppetNameTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, admin := r.server.NewAdmin("admin")
	_, rival := r.server.NewAdmin("rival")
	anna := bridge.Persona{Author: bridge.Author{ID: "@anna:school.example", Name: "Anna"}}
	r.server.NewUser("anna-matrix", "Not Anna")
	r.cfg.Identity, r.cfg.AdminToken = identityBots, rival
	r.restart()
	theirs, err := r.client.Puppet(t.Context(), anna, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.cfg.AdminToken = admin
	r.restart()
	if ours, err := r.client.Puppet(t.Context(), anna, nil); err == nil && ours.User == theirs.User {
		t.Error("an account that somebody else has made was taken over")
	}
	if names := usernames(t, r.server, theirs.User); !slices.Equal(names, puppetNames(anna.ID)[1:]) {
		t.Errorf("the account is called %q", names)
	}
}

func usernames(t *testing.T, s *mattermosttest.Server, users ...bridge.UserID) []string {
	t.Helper()
	var out []string
	for _, u := range users {
		out = append(out, s.Username(string(u)))
	}
	return out
}

// Without an administrator's token, or with one of somebody else, the check says so.
func TestCheckFindsWhatPuppetsNeed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, admin := r.server.NewAdmin("admin")
	plain := r.server.TokenOf(r.kim)
	for token, want := range map[string]string{admin: "made by @admin", plain: "no system administrator", r.token: "a bot's", "no token": "not accepted"} {
		r.cfg.Identity, r.cfg.AdminToken = identityBots, token
		r.restart()
		if !slices.ContainsFunc(r.client.Check(t.Context()), func(f bridge.Finding) bool { return strings.Contains(f.What, want) }) {
			t.Errorf("no finding says %q", want)
		}
	}
}
