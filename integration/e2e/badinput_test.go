package e2e_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/steg-bridge/steg/integration/world"
)

// variant writes a changed copy of a world's configuration beside it and returns
// its path. Each pair is a pattern for a line and what stands there instead.
func variant(t *testing.T, w *world.World, pairs ...string) string {
	t.Helper()
	raw, err := os.ReadFile(w.Gateway.Config())
	check(t, err)
	text := string(raw)
	for i := 0; i < len(pairs); i += 2 {
		text, err = world.ReplaceLine(text, pairs[i], pairs[i+1])
		check(t, err)
	}
	path := filepath.Join(w.Gateway.Dir, channelName(t)+".yaml")
	check(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// TestCheckSaysWhatToChange looks at everything that people get wrong.
func TestCheckSaysWhatToChange(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		check(t, os.WriteFile(filepath.Join(w.Gateway.Dir, "wrong.token"), []byte("abcdefghijklmnopqrstuvwxyz\n"), 0o600))
		lost, err := w.Mattermost.CreateBot(soon(t), "lost-"+w.Team, "")
		check(t, err)
		check(t, os.WriteFile(filepath.Join(w.Gateway.Dir, "lost.token"), []byte(lost.Token), 0o600))
		for _, test := range []struct {
			name  string
			pairs []string
			want  []string // "" first: nothing is wrong
		}{
			{"nothing", nil, []string{"", "knows our as_token", "reaches us", "the token is valid"}},
			{"token", []string{`(- )?token_file: .*`, "token_file: wrong.token"}, []string{"the token is not accepted", "create a new access token"}},
			{"team", []string{`(- )?token_file: .*`, "token_file: lost.token"}, []string{"the bot is in no team", "mmctl team users add"}},
			{"mattermost", []string{`(- )?url: ` + regexp.QuoteMeta(w.Mattermost.URL), "url: http://127.0.0.1:1"}, []string{"not reachable", "check that url"}},
			{"homeserver", []string{`url: ` + regexp.QuoteMeta(w.Homeserver.URL), "url: http://127.0.0.1:1"}, []string{"start the homeserver, or correct homeserver.url"}},
			{"name", []string{`name: school.test`, "name: other.test", `admins: .*`, "admins: []"}, []string{"school.test", "registration"}},
			{"key", []string{`listen: 127.0.0.1:.*`, "lisen: 127.0.0.1:1"}, []string{"unknown key", `did you mean`, "listen", ".yaml:"}},
			{"file", []string{`(- )?token_file: .*`, "token_file: absent.token"}, []string{"absent.token", "does not exist"}},
			{"registration", []string{`registration: .*`, "registration: absent.yaml"}, []string{"absent.yaml", "steg registration"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				answer, err := w.Gateway.CommandAt(soon(t), variant(t, w, test.pairs...), "check")
				check(t, err)
				if good := test.want[0] == ""; good != (answer.Code == 0) {
					t.Errorf("exit code %d", answer.Code)
				}
				for _, want := range test.want {
					if !strings.Contains(answer.Text(), want) {
						t.Errorf("does not say %q", want)
					}
				}
				if t.Failed() {
					t.Log(answer.Text())
				}
			})
		}
	})
}

// TestForeignRegistration gives Steg another registration than the homeserver
// has.
func TestForeignRegistration(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		path := variant(t, w, `registration: .*`, "registration: "+channelName(t)+"-registration.yaml")
		answer, err := w.Gateway.CommandAt(soon(t), path, "registration", "-write")
		check(t, err)
		check(t, answer.Failure())
		answer, err = w.Gateway.CommandAt(soon(t), path, "check")
		check(t, err)
		for _, want := range []string{"app_service_config_files", "config_files", "restart the homeserver"} {
			if answer.Code == 0 || !strings.Contains(answer.Text(), want) {
				t.Errorf("exit code %d, does not say %q:\n%s", answer.Code, want, answer.Text())
			}
		}
	})
}

// TestSecondStart shows that a second process on the same database is refused.
func TestSecondStart(t *testing.T) {
	t.Parallel()
	w := worlds.Shared(t, world.Dendrite)
	check(t, w.Gateway.Fails(soon(t), []string{"run"}, "another steg"))
}

// TestRunRefusesBadConfiguration shows that a process does not start half.
func TestRunRefusesBadConfiguration(t *testing.T) {
	t.Parallel()
	w := worlds.Shared(t, world.Dendrite)
	answer, err := w.Gateway.CommandAt(soon(t), variant(t, w, `mode: .*|database: .*`, "databse: sqlite:other.db"), "run")
	check(t, err)
	for _, want := range []string{"unknown key", "database", ".yaml:"} {
		if answer.Code != 1 || !strings.Contains(answer.Text(), want) {
			t.Errorf("exit code %d, does not say %q:\n%s", answer.Code, want, answer.Text())
		}
	}
	answer, err = w.Gateway.Program(soon(t), "run", "--config", filepath.Join(w.Gateway.Dir, "nosuch.yaml"))
	check(t, err)
	if answer.Code != 1 || !strings.Contains(answer.Text(), "steg init") {
		t.Errorf("exit code %d: %s", answer.Code, answer.Text())
	}
	answer, err = w.Gateway.Program(soon(t), "rnu")
	check(t, err)
	if answer.Code != 2 {
		t.Errorf("exit code %d: %s", answer.Code, answer.Text())
	}
}

// TestTransactions sends to Steg what no homeserver should. It must be answered as
// the specification says, and the conversation goes on.
func TestTransactions(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		registration, err := os.ReadFile(w.Gateway.Registration())
		check(t, err)
		field := func(name string) string {
			found := regexp.MustCompile(`(?m)^` + name + `: *"?([^"\s]+)"?$`).FindSubmatch(registration)
			if found == nil {
				t.Fatalf("no %s in the registration", name)
			}
			return string(found[1])
		}
		for _, test := range []struct {
			name, token, body string
			want              int
		}{
			{"no token", "", `{"events":[]}`, http.StatusUnauthorized},
			{"wrong token", "wrong", `{"events":[]}`, http.StatusForbidden},
			{"no JSON", field("hs_token"), `{"events":[`, http.StatusBadRequest},
			{"no object", field("hs_token"), `[]`, http.StatusBadRequest},
			{"broken events", field("hs_token"), `{"events":[1,null,{},{"type":"m.room.message"},{"event_id":"$x","room_id":7}]}`, http.StatusOK},
			{"too large", field("hs_token"), `{"events":["` + strings.Repeat("x", 65<<20) + `"]}`, http.StatusRequestEntityTooLarge},
		} {
			request, err := http.NewRequestWithContext(soon(t), http.MethodPut,
				field("url")+"/_matrix/app/v1/transactions/"+strings.ReplaceAll(test.name, " ", "-"), bytes.NewBufferString(test.body))
			check(t, err)
			if test.token != "" {
				request.Header.Set("Authorization", "Bearer "+test.token)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			check(t, response.Body.Close())
			if response.StatusCode != test.want {
				t.Errorf("%s: %s, want %d", test.name, response.Status, test.want)
			}
		}
		k.say(w.Carla, "goes on")
		k.onMattermost("goes on")
	})
}
