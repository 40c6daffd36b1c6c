package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	dendriteModule   = "github.com/element-hq/dendrite"
	mattermostModule = "github.com/mattermost/mattermost/server/v8"
)

// buildDendrite builds the server and its key generator. SQLite makes it need
// a C compiler.
func buildDendrite(ctx context.Context, pins, dir string, say func(string)) error {
	if _, err := exec.LookPath("gcc"); err != nil {
		return &MissingError{Program: "gcc", Remedy: "install it, on Debian with: apt-get install gcc libc6-dev"}
	}
	say("dendrite: compiling (some 3 minutes on two cores)")
	return goBuild(ctx, pins, dir, []string{"CGO_ENABLED=1"},
		dendriteModule+"/cmd/dendrite", dendriteModule+"/cmd/generate-keys")
}

// buildMattermost builds the server and copies the files it wants to find
// beside itself: translations, mail templates and fonts.
func buildMattermost(ctx context.Context, pins, dir string, say func(string)) error {
	say("mattermost: compiling (some 4 minutes on two cores)")
	if err := goBuild(ctx, pins, dir, []string{"CGO_ENABLED=0"}, mattermostModule+"/cmd/mattermost"); err != nil {
		return err
	}
	out, err := run(ctx, pins, goEnv(nil), "go", "list", "-m", "-f", "{{.Dir}}", mattermostModule)
	if err != nil {
		return err
	}
	source := strings.TrimSpace(out)
	for _, name := range []string{"templates", "fonts"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(source, name))); err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
	}
	english, err := os.ReadFile(filepath.Join(source, "i18n", "en.json"))
	if err != nil {
		return fmt.Errorf("copy translations: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "i18n"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "i18n", "en.json"), english, 0o644)
}

// goBuild builds packages of the module in pins into dir. -trimpath matters
// beyond reproducibility: a Mattermost that knows where its sources are uses
// the module cache as its working folder and writes its configuration there.
func goBuild(ctx context.Context, pins, dir string, env []string, packages ...string) error {
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)}
	_, err := run(ctx, pins, goEnv(env), "go", append(args, packages...)...)
	return err
}

// goEnv shields a build from settings meant for the main module.
func goEnv(extra []string) []string {
	return append([]string{"GOFLAGS=-mod=readonly -buildvcs=false", "GOWORK=off"}, extra...)
}
