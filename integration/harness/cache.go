package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// CacheDir returns the folder that holds the built servers: STEG_TEST_CACHE
// when set, otherwise steg/servers in the user's cache folder. It may not exist
// yet.
func CacheDir() (string, error) {
	if dir := os.Getenv("STEG_TEST_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache folder: %w; set STEG_TEST_CACHE", err)
	}
	return filepath.Join(base, "steg", "servers"), nil
}

// slot is the place of one server in the cache. Its name changes with every
// byte of the pins, so an installed slot never has to be compared with them.
type slot struct {
	recipe recipe
	pins   string // folder in the repository with the version files
	dir    string // folder in the cache
}

// slotOf finds the place of a server in the cache.
func slotOf(server Server) (slot, error) {
	made, err := recipeOf(server)
	if err != nil {
		return slot{}, err
	}
	root, err := Root()
	if err != nil {
		return slot{}, err
	}
	cache, err := CacheDir()
	if err != nil {
		return slot{}, err
	}
	pins := filepath.Join(root, "integration", "servers", string(server))
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s %d\n", server, made.revision) // a hash never fails
	for _, name := range made.pins {
		text, err := os.ReadFile(filepath.Join(pins, name))
		if err != nil {
			return slot{}, fmt.Errorf("read pins of %s: %w", server, err)
		}
		_, _ = fmt.Fprintf(sum, "%s %d\n", name, len(text))
		sum.Write(text)
	}
	name := string(server) + "-" + hex.EncodeToString(sum.Sum(nil)[:6])
	return slot{recipe: made, pins: pins, dir: filepath.Join(cache, name)}, nil
}

// filled reports whether the server is installed. A slot is renamed into place
// when it is complete, so its existence is enough, unless the recipe knows of
// something outside the slot that may have gone.
func (s slot) filled(ctx context.Context) bool {
	if _, err := os.Stat(s.dir); err != nil {
		return false
	}
	return s.recipe.usable == nil || s.recipe.usable(ctx, s.dir) == nil
}

// fill installs the server unless another process did so while we waited for
// the lock. Only one process at a time installs a given server.
func (s slot) fill(ctx context.Context, say func(string)) error {
	if err := os.MkdirAll(filepath.Dir(s.dir), 0o755); err != nil {
		return err
	}
	unlock, err := lockFile(ctx, s.dir+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if s.filled(ctx) {
		return nil
	}
	building := s.dir + ".part"
	if err := errors.Join(os.RemoveAll(building), os.RemoveAll(s.dir)); err != nil {
		return err
	}
	if err := os.Mkdir(building, 0o755); err != nil {
		return err
	}
	if err := s.recipe.build(ctx, s.pins, building, say); err != nil {
		return errors.Join(err, os.RemoveAll(building))
	}
	return os.Rename(building, s.dir)
}

// lockFile takes an exclusive lock on path and returns the function that gives
// it back. The kernel gives it back too when the process dies.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for another installation: %w", ctx.Err()), file.Close())
		case <-ticker.C:
		}
	}
}

// exists reports whether path names something.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
