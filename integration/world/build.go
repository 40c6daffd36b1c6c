package world

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/steg-bridge/steg/integration/harness"
)

// Build compiles the program as it is released, static and without cgo, into dir,
// which is made when missing, and returns its path. With STEG_TEST_RACE=1 it is
// built with the race detector instead; [Gateway.Trouble] then finds what that
// reports.
func Build(ctx context.Context, dir string) (string, error) {
	if made := os.Getenv("STEG_TEST_BINARY"); made != "" {
		return made, nil
	}
	root, err := harness.Root()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "steg")
	args := []string{"build", "-trimpath", "-o", path}
	env := append(os.Environ(), "CGO_ENABLED=0")
	if os.Getenv("STEG_TEST_RACE") == "1" {
		args = append(args, "-race")
		env = append(env, "CGO_ENABLED=1")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/steg")...)
	cmd.Dir, cmd.Env = root, env
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build steg: %w\n%s", err, out)
	}
	return path, nil
}
