package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steg-bridge/steg/bridges/mattermost/mattermosttest"
	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/command"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

// buffer is a writer for several goroutines.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// place is a folder with a configuration, and what commands print there.
type place struct {
	dir string
}

// result is what a command did.
type result struct {
	code      int
	out, errs string
}

// do runs a command with this place's configuration.
func (p place) do(ctx context.Context, input string, args ...string) result {
	var out, errs buffer
	a := &app{
		in: strings.NewReader(input), out: &out, errs: &errs,
		env: func(name string) (string, bool) { return p.file("steg.yaml"), name == "STEG_CONFIG" },
	}
	code := a.main(ctx, args)
	return result{code, out.String(), errs.String()}
}

func (p place) file(name string) string { return filepath.Join(p.dir, name) }

// write makes a file in the place.
func (p place) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(p.file(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p place) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(p.file(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// expect runs a command and checks its exit code and that words are printed.
func (p place) expect(t *testing.T, code int, words string, args ...string) result {
	t.Helper()
	r := p.do(t.Context(), "", args...)
	if r.code != code || !strings.Contains(r.out+r.errs, words) {
		t.Errorf("steg %s: exit code %d, want %d with %q\n%s%s", strings.Join(args, " "), r.code, code, words, r.out, r.errs)
	}
	return r
}

func TestUsage(t *testing.T) {
	t.Parallel()
	p := place{t.TempDir()}
	p.expect(t, exitOK, "steg joins")
	p.expect(t, exitOK, "deadletters", "help")
	p.expect(t, exitOK, "deadletters", "-h")
	p.expect(t, exitOK, "-member", "link", "-h")
	p.expect(t, exitOK, "go1.", "version")
	p.expect(t, exitUsage, `no command "rnu"`, "rnu")
	p.expect(t, exitUsage, "not defined", "--loud")
	p.expect(t, exitUsage, "not defined", "run", "--loud")
	p.expect(t, exitUsage, "write: steg link BRIDGE CHAT", "link", "mm")
	p.expect(t, exitUsage, "write: steg mode", "mode", "mm", "a/b")
	p.expect(t, exitUsage, "write: steg run", "run", "now")
	for _, name := range []string{"run", "check", "status", "health", "registration", "deadletters"} {
		p.expect(t, exitFailed, "steg init", name)
	}
	p.expect(t, exitFailed, "other.yaml", "--config", "other.yaml", "run")
	p.expect(t, exitFailed, "third.yaml", "--config", "other.yaml", "run", "--config", "third.yaml")
}

func TestInitAsksThreeQuestions(t *testing.T) {
	t.Parallel()
	hs := matrixtest.Start(matrixtest.Options{ServerName: "school.example"})
	t.Cleanup(hs.Close)
	p := place{t.TempDir()}
	answers := hs.URL + "\nchat.school.example\n\n@admin:school.example\n"
	r := p.do(t.Context(), answers, "init")
	if r.code != exitOK || !strings.Contains(r.out, "mattermost.token does not exist") {
		t.Fatalf("init: exit code %d\n%s%s", r.code, r.out, r.errs)
	}
	text := p.read(t, "steg.yaml")
	for _, want := range []string{
		"url: " + hs.URL, "name: school.example", "id: mm", "url: https://chat.school.example", "token_file: mattermost.token",
		`admins: ["@admin:school.example"]`, "id: school",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the configuration lacks %q:\n%s", want, text)
		}
	}
	for _, name := range []string{"steg.yaml", "registration.yaml"} {
		if info, err := os.Stat(p.file(name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	// A second time only on demand, and the tokens stay.
	p.write(t, "mattermost.token", "x")
	before := p.read(t, "registration.yaml")
	r = p.do(t.Context(), answers, "init")
	if r.code != exitFailed || !strings.Contains(r.errs, "-force") {
		t.Errorf("a second init: exit code %d\n%s", r.code, r.errs)
	}
	r = p.do(t.Context(), answers, "init", "-force")
	if r.code != exitOK || p.read(t, "registration.yaml") != before {
		t.Errorf("init -force: exit code %d, or another registration\n%s", r.code, r.errs)
	}
}

func TestInitRefusals(t *testing.T) {
	t.Parallel()
	base := []string{"init", "-homeserver", "http://127.0.0.1:1", "-mattermost", "http://127.0.0.1:2", "-token-file", "t"}
	for _, c := range []struct {
		args  []string
		words string
	}{
		{nil, "give it with -admin"},
		{[]string{"-admin", "admin"}, "Matrix ID"},
		{[]string{"-admin", "@a:other.example", "-name", "school.example"}, "must be a user of school.example"},
	} {
		p := place{t.TempDir()}
		p.expect(t, exitUsage, c.words, append(base, c.args...)...)
		if _, err := os.Stat(p.file("steg.yaml")); err == nil {
			t.Errorf("%v: a configuration was written", c.args)
		}
	}
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	p := place{t.TempDir()}
	const text = "homeserver: {url: http://127.0.0.1:1, name: school.example, listen: %s}\n"
	p.write(t, "steg.yaml", fmt.Sprintf(text, "0.0.0.0:29300"))
	r := p.expect(t, exitOK, "registration -write", "registration")
	if !strings.Contains(r.out, "url: http://127.0.0.1:29300") {
		t.Errorf("registration:\n%s", r.out)
	}
	p.expect(t, exitOK, "app_service_config_files", "registration", "-write")
	first, err := matrix.LoadRegistration(p.file("registration.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p.expect(t, exitOK, "✔ registration: registration fits", "registration")
	p.write(t, "steg.yaml", fmt.Sprintf(text, "127.0.0.1:29400"))
	p.expect(t, exitFailed, "✘ registration: its url", "registration")
	if err := os.Chmod(p.file("registration.yaml"), 0o640); err != nil {
		t.Fatal(err)
	}
	p.expect(t, exitOK, "Wrote", "registration", "-write")
	second, err := matrix.LoadRegistration(p.file("registration.yaml"))
	if err != nil || second.ASToken != first.ASToken || second.HSToken != first.HSToken || second.URL != "http://127.0.0.1:29400" {
		t.Errorf("written anew: %v, tokens kept %t, url %s", err, second.ASToken == first.ASToken, second.URL)
	}
	if info, err := os.Stat(p.file("registration.yaml")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}

// freePort names an address that is free now.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// until waits for a condition.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	patience := time.NewTimer(30 * time.Second)
	defer patience.Stop()
	for !met() {
		select {
		case <-ticker.C:
		case <-patience.C:
			t.Fatalf("%s did not happen", what)
		}
	}
}

// TestOperator walks the way of an operator: init, check, run, link, status,
// stop; with a message that crosses.
func TestOperator(t *testing.T) {
	t.Parallel()
	hs := matrixtest.Start(matrixtest.Options{ServerName: "school.example"})
	t.Cleanup(hs.Close)
	remote := mattermosttest.NewRemote(t)
	chat, ref := remote.NewChat(t, false)
	teacher := remote.NewUser(t, "teacher")
	p := place{t.TempDir()}
	p.write(t, "mm.token", remote.Token+"\n")
	p.expect(t, exitOK, "steg check", "init", "-homeserver", hs.URL, "-mattermost", remote.Server.URL(), "-token-file", "mm.token",
		"-admin", "@admin:school.example", "-school", "Gymnasium Uri")
	push, admin := freePort(t), freePort(t)
	text := strings.NewReplacer("127.0.0.1:29300", push, "127.0.0.1:29301", admin).Replace(p.read(t, "steg.yaml"))
	p.write(t, "steg.yaml", text)
	p.expect(t, exitOK, "Wrote", "registration", "-write")
	p.expect(t, exitFailed, "✘ homeserver: as_token", "check")
	reg, err := matrix.LoadRegistration(p.file("registration.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	hs2 := matrixtest.Start(matrixtest.Options{
		ServerName: "school.example", ASToken: reg.ASToken, HSToken: reg.HSToken, SenderLocalpart: reg.SenderLocalpart,
	})
	t.Cleanup(hs2.Close)
	p.write(t, "steg.yaml", strings.ReplaceAll(text, hs.URL, hs2.URL))
	p.expect(t, exitOK, "! database: there is none yet", "check")
	p.expect(t, exitFailed, "start steg run once", "status")
	p.expect(t, exitFailed, "is it running?", "health")

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan result, 1)
	go func() { ended <- p.do(ctx, "", "run") }()
	until(t, "health", func() bool { return p.do(t.Context(), "", "health").code == exitOK })
	p.expect(t, exitOK, "live", "health", "-live")
	hs2.Connect("http://" + push)
	p.expect(t, exitFailed, "another steg", "run")
	p.expect(t, exitFailed, "No such chat", "link", "mm", "none/none")
	p.expect(t, exitOK, "mm "+ref+" is linked: from the network to Matrix only", "link", "mm", ref)
	status := func() command.Status {
		var s command.Status
		r := p.do(t.Context(), "", "status", "--json")
		if err := json.Unmarshal([]byte(r.out), &s); r.code != exitOK || err != nil {
			t.Fatalf("status: exit code %d, %v\n%s", r.code, err, r.errs)
		}
		return s
	}
	until(t, "a room and a connection", func() bool {
		s := status()
		return len(s.Portals) == 1 && s.Portals[0].Room != "" && s.Bridges[0].State == bridge.StateConnected
	})
	remote.Post(t, teacher, chat, "good morning")
	until(t, "delivery", func() bool { return status().Account.Delivered > 0 })
	p.expect(t, exitOK, "mode both", "mode", "mm", ref, "both")
	p.expect(t, exitOK, "verified", "status", "--verify")
	p.expect(t, exitOK, "There are no dead letters", "deadletters")
	p.expect(t, exitFailed, "no dead letter 7", "deadletters", "replay", "7")
	p.expect(t, exitUsage, "write: steg deadletters", "deadletters", "burn", "7")
	p.expect(t, exitOK, "no longer linked", "unlink", "mm", ref)
	p.expect(t, exitOK, "✔ database: opens", "check")
	stop()
	r := <-ended
	if r.code != exitOK || !strings.Contains(r.errs, "msg=stopped") {
		t.Errorf("run: exit code %d\n%s", r.code, r.errs)
	}
	for _, secret := range []string{"good morning", remote.Token, reg.ASToken, reg.HSToken, "teacher", "@admin"} {
		if strings.Contains(r.errs, secret) {
			t.Errorf("the log holds %q:\n%s", secret, r.errs)
		}
	}
}
