package harness

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
)

// buildSynapse makes a virtual environment and installs the pinned wheels.
// Nothing is compiled, so neither Rust nor C is needed. The environment is
// renamed afterwards, which is why only "python -m" is used, never the scripts
// with their absolute paths.
func buildSynapse(ctx context.Context, pins, dir string, say func(string)) error {
	python, err := findPython(ctx)
	if err != nil {
		return err
	}
	say("synapse: installing wheels (about 1 minute)")
	if _, err := run(ctx, dir, nil, python, "-m", "venv", dir); err != nil {
		return err
	}
	_, err = run(ctx, dir, nil, pythonIn(dir), "-m", "pip", "install", "--disable-pip-version-check",
		"--only-binary", ":all:", "--no-deps", "-r", filepath.Join(pins, "requirements.txt"))
	return err
}

// checkSynapse notices that the Python below the environment has gone.
func checkSynapse(_ context.Context, dir string) error {
	if !exists(pythonIn(dir)) {
		return errors.New("python of the virtual environment has gone")
	}
	return nil
}

func pythonIn(venv string) string { return filepath.Join(venv, "bin", "python") }

// findPython returns the real path of a Python that can make a virtual
// environment for Synapse. Wrappers that choose a version by the working
// directory are resolved.
func findPython(ctx context.Context) (string, error) {
	const probe = "import sys, venv, ensurepip, sqlite3, ssl\nassert sys.version_info >= (3, 11)\nprint(sys.executable)"
	for _, name := range []string{"/usr/bin/python3", "python3", "python3.13", "python3.12", "python3.11"} {
		if _, err := exec.LookPath(name); err != nil {
			continue
		}
		out, err := run(ctx, "", nil, name, "-c", probe)
		if err == nil && len(out) > 1 {
			return out[:len(out)-1], nil
		}
	}
	return "", &MissingError{
		Program: "python3 with venv",
		Remedy:  "install Python 3.11 or newer, on Debian with: apt-get install python3 python3-venv",
	}
}
