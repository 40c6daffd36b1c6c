//go:build unix

package store

import (
	"context"
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

// lockPatience is how long lockFile waits for a process that is just ending.
const lockPatience = time.Second

// lockFile takes the lock or says who has it. The file stays behind on purpose:
// removing it would let two processes lock two files of the same name.
func lockFile(ctx context.Context, path string, now time.Time) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // beside the database, which the operator names
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := flock(ctx, f); err != nil {
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

// flock tries for a while: a child that is just being started holds the files of
// its parent for a moment, also when the parent has died.
func flock(ctx context.Context, f *os.File) error {
	limit := time.NewTimer(lockPatience)
	defer limit.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-limit.C:
			return err
		case <-again.C:
		}
	}
}

func (l *fileLock) release() { _ = l.f.Close() }
