//go:build !linux

package storetest

import (
	"errors"
	"os"
	"os/exec"
)

func unprivileged(string) (func(*exec.Cmd), error) {
	if os.Geteuid() == 0 {
		return nil, errors.New("PostgreSQL does not run as root")
	}
	return func(*exec.Cmd) {}, nil
}
