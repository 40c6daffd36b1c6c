package harness

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// unprivileged returns the account PostgreSQL shall run as: nil, meaning our
// own, unless we are root, whom PostgreSQL refuses.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil // as SysProcAttr.Credential understands it
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, &MissingError{Program: "an unprivileged account", Remedy: "PostgreSQL does not run as root; create an account named postgres or run as another user"}
}

// handOver gives dir to the account and checks that the account can reach it.
func handOver(dir string, account *syscall.Credential) error {
	if account == nil {
		return nil
	}
	if err := os.Chown(dir, int(account.Uid), int(account.Gid)); err != nil {
		return err
	}
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("folder %s is closed to other accounts, but PostgreSQL cannot run as root; use a folder below the system's temporary folder", parent)
		}
		if parent == filepath.Dir(parent) {
			return nil
		}
	}
}
