package harness

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Server names a server that is kept in the cache, and its folder in
// integration/servers.
type Server string

// The servers the harness can install.
const (
	DendriteServer   Server = "dendrite"
	MattermostServer Server = "mattermost"
	SynapseServer    Server = "synapse"
)

// Servers returns all servers that [Install] knows, quickest to install first.
func Servers() []Server { return []Server{SynapseServer, DendriteServer, MattermostServer} }

// recipe says how a server is installed.
type recipe struct {
	revision int      // raised when build changes, so that old results are not used
	pins     []string // version files in the server's folder
	// build installs into dir. It may only write there.
	build func(ctx context.Context, pins, dir string, say func(string)) error
	// usable checks what an installed server needs from outside its folder.
	usable func(ctx context.Context, dir string) error
}

func recipeOf(server Server) (recipe, error) {
	switch server {
	case DendriteServer:
		return recipe{revision: 1, pins: []string{"go.mod", "go.sum"}, build: buildDendrite}, nil
	case MattermostServer:
		return recipe{revision: 1, pins: []string{"go.mod", "go.sum"}, build: buildMattermost}, nil
	case SynapseServer:
		return recipe{revision: 1, pins: []string{"requirements.txt"}, build: buildSynapse, usable: checkSynapse}, nil
	default:
		return recipe{}, fmt.Errorf("unknown server %q", server)
	}
}

// Installed returns the folder of a server that is in the cache, in a few
// milliseconds, or a [MissingError].
func Installed(ctx context.Context, server Server) (string, error) {
	place, err := slotOf(server)
	if err != nil {
		return "", err
	}
	if !place.filled(ctx) {
		return "", &MissingError{
			Program: string(server),
			Remedy:  "run \"make servers\" (or: go run ./integration/harness/prepare), which takes some minutes once",
		}
	}
	return place.dir, nil
}

// Install puts a server into the cache, unless it is there, and returns its
// folder. It needs the network and minutes the first time; several processes
// may call it at once, one of them does the work. Progress is reported to say,
// one line at a time; say may be nil.
func Install(ctx context.Context, server Server, say func(line string)) (string, error) {
	if say == nil {
		say = func(string) {}
	}
	place, err := slotOf(server)
	if err != nil {
		return "", err
	}
	if place.filled(ctx) {
		return place.dir, nil
	}
	begin := time.Now()
	say(fmt.Sprintf("%s: installing into %s", server, place.dir))
	if err := place.fill(ctx, say); err != nil {
		return "", fmt.Errorf("install %s: %w", server, err)
	}
	say(fmt.Sprintf("%s: done in %s", server, time.Since(begin).Round(time.Second)))
	return place.dir, nil
}

// run executes a build step in dir with our environment plus env, and returns
// its standard output. An error carries the end of both outputs.
func run(ctx context.Context, dir string, env []string, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		all := append(errs.Bytes(), out.Bytes()...)
		return "", fmt.Errorf("%s %v: %w\n%s", program, args, err, all[max(0, len(all)-tailBytes):])
	}
	return out.String(), nil
}
