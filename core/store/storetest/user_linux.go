package storetest

import (
	"os"
	"os/exec"
	"syscall"
)

// nobody is the user that owns nothing, on every Linux.
const nobody = 65534

// unprivileged gives a folder to a user that PostgreSQL agrees to run as, and
// returns how to start commands as that user. They end with the test binary.
func unprivileged(dir string) (func(*exec.Cmd), error) {
	attr := func() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} }
	if os.Geteuid() != 0 {
		return func(c *exec.Cmd) { c.SysProcAttr = attr() }, nil
	}
	if err := os.Chown(dir, nobody, nobody); err != nil {
		return nil, err
	}
	return func(c *exec.Cmd) {
		c.SysProcAttr = attr()
		c.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}, nil
}
