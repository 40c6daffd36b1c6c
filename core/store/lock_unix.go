//go:build unix

package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// fileLock is a lock that the kernel gives back when the process ends, however
// it ends: a restart after a kill never has to wait.
type fileLock struct{ f *os.File }

// lockFile takes the lock or says who has it. The file stays behind on purpose:
// removing it would let two processes lock two files of the same name.
func lockFile(path string, now time.Time) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // beside the database, which the operator names
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close() //nolint:errcheck // only read
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		who, err := os.ReadFile(path) //nolint:gosec // the same file
		if err != nil || len(who) == 0 {
			who = []byte("just starting")
		}
		return nil, fmt.Errorf("another steg (%s) uses this database: stop it first, or choose another database", strings.TrimSpace(string(who)))
	}
	// The text is for people only: a full disk must not keep us from starting.
	_ = f.Truncate(0)
	_, _ = fmt.Fprintf(f, "started %s, pid %d\n", now.UTC().Format(time.RFC3339), os.Getpid())
	return &fileLock{f}, nil
}

func (l *fileLock) release() { _ = l.f.Close() }
