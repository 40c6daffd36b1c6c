package harness

import "syscall"

// procAttr keeps the terminal's signals away from the servers, so that Ctrl-C
// reaches only the program that stops them in order, and lets the kernel end
// them when that program dies without doing so.
func procAttr(command Command) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Setpgid:    true,
		Pdeathsig:  command.DeathSignal,
		Credential: command.Credential,
	}
}
