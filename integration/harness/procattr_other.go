//go:build !linux

package harness

import "syscall"

// procAttr keeps the terminal's signals away from the servers. Only Linux can
// tie a child's life to its parent's.
func procAttr(command Command) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: command.Credential}
}
