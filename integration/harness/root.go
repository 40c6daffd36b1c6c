package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// modulePath is the first line of the go.mod that marks the repository.
const modulePath = "module github.com/steg-bridge/steg"

// Root returns the folder of the repository: STEG_ROOT when set, otherwise the
// nearest folder above the working directory that holds the module's go.mod.
// Tests and "go run" both start inside the repository, so no other way to find
// the pinned servers is needed.
func Root() (string, error) {
	if root := os.Getenv("STEG_ROOT"); root != "" {
		return root, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find repository: %w", err)
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			first, _, _ := strings.Cut(string(mod), "\n")
			if strings.TrimSpace(first) == modulePath {
				return dir, nil
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find repository: no go.mod of steg above the working directory; run inside the repository or set STEG_ROOT")
		}
		dir = parent
	}
}
