package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// need is a program outside the cache and the Debian packages that bring it.
type need struct {
	what     string
	packages []string
	present  func(ctx context.Context) bool
}

// needs lists everything beyond Go that building and running the servers takes.
func needs() []need {
	return []need{
		{"a C compiler (Dendrite's SQLite)", []string{"gcc", "libc6-dev"}, compilesC},
		{"PostgreSQL", []string{"postgresql"}, hasPostgres},
		{"Python with venv (Synapse)", []string{"python3", "python3-venv"}, hasPython},
		{"certificates", []string{"ca-certificates"}, hasCertificates},
	}
}

// installPackages installs what is missing when it may, and otherwise says
// which packages to install.
func installPackages(ctx context.Context, say func(string)) error {
	var missing, packages []string
	for _, n := range needs() {
		if !n.present(ctx) {
			missing = append(missing, n.what)
			packages = append(packages, n.packages...)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	say("missing: " + strings.Join(missing, ", "))
	command := "apt-get install -y --no-install-recommends " + strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("install %s with your system's package manager (Debian: %s)", strings.Join(missing, ", "), command)
	}
	if os.Geteuid() != 0 {
		return errors.New("run as root: apt-get update && " + command)
	}
	for _, args := range [][]string{{"update"}, strings.Fields(command)[1:]} {
		say("apt-get " + strings.Join(args, " "))
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out[max(0, len(out)-4096):])
		}
	}
	return nil
}

// compilesC tries a program with a system header, because Debian's gcc package
// comes without them.
func compilesC(ctx context.Context) bool {
	cmd := exec.CommandContext(ctx, "gcc", "-x", "c", "-fsyntax-only", "-")
	cmd.Stdin = strings.NewReader("#include <stdlib.h>\nint main(void) { return 0; }\n")
	return cmd.Run() == nil
}

func hasPostgres(context.Context) bool {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	_, err := exec.LookPath("initdb")
	return len(found) > 0 || err == nil
}

func hasPython(ctx context.Context) bool {
	const probe = "import sys, venv, ensurepip; assert sys.version_info >= (3, 11)"
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(ctx, name, "-c", probe).Run() == nil {
			return true
		}
	}
	return false
}

func hasCertificates(context.Context) bool {
	_, err := os.Stat("/etc/ssl/certs/ca-certificates.crt")
	return err == nil
}
