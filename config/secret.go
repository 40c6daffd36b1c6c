package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// secrets reads secrets that a configuration holds or points to.
type secrets struct{ dir string }

// maxSecret bounds a secret's file, in bytes.
const maxSecret = 64 << 10

// read returns the secret itself or the content of its file, without white
// space around it. Exactly one of the two must be given.
func (s secrets) read(value, file string) (string, error) {
	switch {
	case value != "" && file != "":
		return "", errors.New("the secret is given twice: keep either the key itself or its _file, not both")
	case value != "":
		return strings.TrimSpace(value), nil
	case file == "":
		return "", errors.New("the secret is missing: set the key, or better its _file")
	}
	path := beside(s.dir, file)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("the secret's file %s does not exist: make it with the secret as its only line, readable by steg alone (chmod 600)", file)
	case err != nil:
		return "", fmt.Errorf("read the secret's file: %w", err)
	case info.Size() > maxSecret || info.IsDir():
		return "", fmt.Errorf("%s is not a file with a secret as its only line", file)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("the secret's file %s may not be read by this user: chown it to the user that runs steg", file)
	}
	if err != nil {
		return "", fmt.Errorf("read the secret's file: %w", err)
	}
	if secret := strings.TrimSpace(string(text)); secret != "" {
		return secret, nil
	}
	return "", fmt.Errorf("the secret's file %s is empty: write the secret into it", file)
}

// isSecret tells by its name whether a key holds a secret itself.
func isSecret(key string) bool {
	for _, word := range []string{"token", "password", "secret"} {
		if key == word || strings.HasSuffix(key, "_"+word) {
			return true
		}
	}
	return false
}

// warn fills Warnings: secrets that every user of the machine can read, and a
// configuration that does nothing.
func (c *Config) warn(root *node) {
	w := &problems{root: root}
	if othersRead(c.File) && c.holdsSecret(root) {
		w.add(0, "", "holds a secret and every user of this machine may read it: chmod 600 %s", c.File)
	}
	if othersRead(c.Homeserver.Registration) {
		w.at("homeserver.registration", "the file holds tokens and every user of this machine may read it: chmod 640 it and give it the homeserver's group")
	}
	for _, b := range c.Bridges {
		for _, key := range b.settings.keys {
			if !strings.HasSuffix(key.name, "_file") || key.node.kind != kindScalar {
				continue
			}
			file, err := expand(key.node.text, b.env)
			if err == nil && isSecret(strings.TrimSuffix(key.name, "_file")) && othersRead(beside(b.dir, file)) {
				w.add(key.line, b.path+"."+key.name, "the file holds a secret and every user of this machine may read it: chmod 600 it")
			}
		}
	}
	if len(c.Bridges) == 0 {
		w.at("bridges", "there are none, so nothing can cross: add one")
	}
	if len(c.Schools) == 0 {
		w.at("schools", "there are none, so nobody may link a chat: add one with its admins")
	}
	c.Warnings = sorted(w.list)
}

// holdsSecret tells whether a secret stands in the configuration itself.
func (c *Config) holdsSecret(root *node) bool {
	for _, b := range c.Bridges {
		for _, key := range b.settings.keys {
			if isSecret(key.name) && key.node.kind == kindScalar && key.node.text != "" && !strings.Contains(key.node.text, "${") {
				return true
			}
		}
	}
	database := root.find("database")
	if database == nil {
		return false
	}
	_, afterScheme, _ := strings.Cut(database.text, "://")
	login, _, hasLogin := strings.Cut(afterScheme, "@")
	return hasLogin && strings.Contains(login, ":") && !strings.Contains(login, "${")
}

// othersRead tells whether a file is open to every user of the machine.
func othersRead(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0
}
