package harness

import "fmt"

// MissingError says that a program the harness needs is not on this machine
// and what to do about it. Tests skip on it, except where nothing may be
// skipped (see harnesstest).
type MissingError struct {
	Program string // what is missing, for example "postgres"
	Remedy  string // one command or sentence that helps
}

// Error names the program and the remedy.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is not available; %s", e.Program, e.Remedy)
}
