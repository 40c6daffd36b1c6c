package world

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/steg-bridge/steg/integration/harness"
)

// Gateway is Steg: its folder with configuration and database, its process, and
// its command line.
type Gateway struct {
	*harness.Proc

	Dir    string
	binary string
}

// newGateway prepares Steg in a folder. Ready means what "steg health" means.
func newGateway(binary, dir string) (*Gateway, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	g := &Gateway{Dir: dir, binary: binary}
	g.Proc = harness.NewProc(harness.Command{
		Name: "steg",
		Path: binary,
		Args: []string{"run", "--config", g.Config()},
		Dir:  dir,
		Env:  g.env(),
		Ready: func(ctx context.Context) error {
			answer, err := g.Command(ctx, "health")
			return errors.Join(err, answer.Failure())
		},
		StopTimeout: 20 * time.Second,
	})
	return g, nil
}

// Path is the path of the program.
func (g *Gateway) Path() string { return g.binary }

// Config is the path of the configuration.
func (g *Gateway) Config() string { return filepath.Join(g.Dir, "steg.yaml") }

// Registration is the path of the registration for the homeserver.
func (g *Gateway) Registration() string { return filepath.Join(g.Dir, "registration.yaml") }

// PuppetRegistration is the path of the one for double puppets.
func (g *Gateway) PuppetRegistration() string { return filepath.Join(g.Dir, "doublepuppets.yaml") }

// env is Steg's whole environment.
func (g *Gateway) env() []string {
	return []string{"PATH=/usr/bin:/bin", "HOME=" + g.Dir, "LC_ALL=C.UTF-8", "TZ=UTC", "GOTRACEBACK=all", "GORACE=halt_on_error=0"}
}

// Answer is what a command printed, and its exit code.
type Answer struct {
	Command string
	Out     string
	Err     string
	Code    int
}

// Text is everything the command printed.
func (a Answer) Text() string { return a.Out + a.Err }

// Failure returns nil when the command succeeded.
func (a Answer) Failure() error {
	if a.Code == 0 {
		return nil
	}
	return fmt.Errorf("steg %s: exit code %d: %s", a.Command, a.Code, strings.TrimSpace(a.Text()))
}

// Command runs "steg NAME" on the world's configuration to its end. The error
// says that it could not be run, not that it failed.
func (g *Gateway) Command(ctx context.Context, name string, args ...string) (Answer, error) {
	return g.CommandAt(ctx, g.Config(), name, args...)
}

// CommandAt is Command with another configuration.
func (g *Gateway) CommandAt(ctx context.Context, config, name string, args ...string) (Answer, error) {
	return g.Program(ctx, append([]string{name, "--config", config}, args...)...)
}

// Program runs the program with exactly these arguments.
func (g *Gateway) Program(ctx context.Context, args ...string) (Answer, error) {
	cmd := exec.CommandContext(ctx, g.binary, args...)
	cmd.Dir, cmd.Env = g.Dir, g.env()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	answer := Answer{Command: strings.Join(args, " "), Out: out.String(), Err: errs.String()}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil {
		answer.Code, err = exit.ExitCode(), nil
	}
	if err != nil {
		return answer, fmt.Errorf("steg %s: %w", answer.Command, err)
	}
	return answer, nil
}

// Do runs a command that must succeed and returns what it printed.
func (g *Gateway) Do(ctx context.Context, name string, args ...string) (string, error) {
	answer, err := g.Command(ctx, name, args...)
	if err := errors.Join(err, answer.Failure()); err != nil {
		return "", err
	}
	return answer.Out, nil
}

// Fails runs a command that must fail and say want.
func (g *Gateway) Fails(ctx context.Context, args []string, want string) error {
	answer, err := g.Command(ctx, args[0], args[1:]...)
	switch {
	case err != nil:
		return err
	case answer.Code == 0:
		return fmt.Errorf("steg %s: succeeded: %s", answer.Command, answer.Text())
	case !strings.Contains(answer.Text(), want):
		return fmt.Errorf("steg %s: does not say %q: %s", answer.Command, want, answer.Text())
	}
	return nil
}

// bad finds what no run of Steg may write into its log.
var bad = regexp.MustCompile(`(?m)^(panic: .*|fatal error: .*|WARNING: DATA RACE)$|.*(?i:recovered from a panic|panicked).*`)

// Trouble returns an error when the log shows a panic or a data race.
func (g *Gateway) Trouble() error {
	log, err := os.ReadFile(g.LogPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	at := bad.FindIndex(log)
	if at == nil {
		return nil
	}
	return fmt.Errorf("steg's log shows trouble:\n%s", log[at[0]:min(len(log), at[0]+4096)])
}

// loopback is the address of a port of this machine.
func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
