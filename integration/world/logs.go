package world

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// SaveLogs copies the logs of all servers, Steg's configuration, its database and
// the homeserver's, where these are SQLite, into a folder, for whoever must find
// out what went wrong.
func (w *World) SaveLogs(dir string) error {
	var errs []error
	var files []string
	if w.Gateway != nil {
		files = append(files, w.Gateway.Config(), w.Gateway.LogPath())
		for _, shape := range []string{w.path("steg", "steg.db*"), w.path("homeserver", "*.db*")} {
			if found, err := filepath.Glob(shape); err == nil {
				files = append(files, found...)
			}
		}
	}
	if w.Homeserver != nil {
		files = append(files, w.Homeserver.LogPath())
	}
	if w.Mattermost != nil {
		files = append(files, w.Mattermost.LogPath())
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
