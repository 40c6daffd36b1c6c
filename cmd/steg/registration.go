package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix"
)

func runRegistration(_ context.Context, a *app, c *call) error {
	write := c.flags.Bool("write", false, "write it to the file that homeserver.registration names; the tokens of an existing file are kept")
	puppets := c.flags.Bool("double-puppets", false, "instead the second registration, which lets people's posts appear as their own Matrix accounts")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	cfg, err := a.load(c)
	if err != nil {
		return err
	}
	if *puppets {
		return a.puppetRegistration(cfg, *write)
	}
	file, want := cfg.Homeserver.Registration, registrationOptions(cfg.Homeserver, kinds(cfg)...)
	have, err := existing(file)
	if err != nil {
		return err
	}
	if *write {
		return a.writeRegistration(file, want, have)
	}
	shown := registration(matrix.NewRegistration(want))
	if have != nil {
		shown = have
	}
	return a.showRegistration(shown, have != nil, want, file, "steg registration -write")
}

// registration is what both kinds of a registration can do.
type registration interface {
	YAML() ([]byte, error)
	Compare(want matrix.RegistrationOptions) []bridge.Finding
}

// showRegistration prints the file that is there, and what is wrong with it, or else an
// example. write is the command that writes it.
func (a *app) showRegistration(r registration, there bool, want matrix.RegistrationOptions, file, write string) error {
	text, err := r.YAML()
	if err != nil {
		return err
	}
	fmt.Fprint(a.out, string(text))
	if !there {
		fmt.Fprintf(a.errs, "This is an example with fresh tokens: there is no %s yet. Write it with: %s\n", file, write)
		return nil
	}
	failed := false
	for _, f := range r.Compare(want) {
		fmt.Fprint(a.errs, line(finding{Area: "registration", Finding: f}))
		failed = failed || f.Level == bridge.LevelFail
	}
	if failed {
		fmt.Fprintf(a.errs, "Write it anew with: %s\n", write)
		return errSilent
	}
	return nil
}

// existing reads a registration, nil when there is none yet.
func existing(file string) (*matrix.Registration, error) {
	reg, err := matrix.LoadRegistration(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return reg, err
}

// writeRegistration writes a registration. have is what the file holds, nil when
// there is none; its tokens are kept.
func (a *app) writeRegistration(file string, want matrix.RegistrationOptions, have *matrix.Registration) error {
	made := matrix.NewRegistration(want)
	if have != nil {
		made.ASToken, made.HSToken = have.ASToken, have.HSToken
		if have.SenderLocalpart != "" && have.SenderLocalpart != want.BotLocalpart {
			made.SenderLocalpart = have.SenderLocalpart
		}
	}
	text, err := made.YAML()
	if err != nil {
		return err
	}
	if err := writeFile(file, text); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Wrote %s. Give it to the homeserver and restart that:\n", file)
	a.homeserverSteps(file)
	return nil
}

// homeserverSteps tells how homeservers learn of a registration.
func (a *app) homeserverSteps(file string) {
	if full, err := filepath.Abs(file); err == nil {
		file = full
	}
	fmt.Fprintf(a.out, `  Synapse, in homeserver.yaml:
    app_service_config_files: [%[1]s]
  Dendrite, in dendrite.yaml:
    app_service_api:
      config_files: [%[1]s]
  The homeserver's user must be able to read the file, for example:
    chgrp matrix-synapse %[1]s && chmod 640 %[1]s
`, file)
}

// writeFile replaces a file as a whole, for its owner alone; the mode of an
// existing file stays.
func writeFile(path string, text []byte) error {
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".steg-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // gone after the rename
	_, err = temp.Write(text)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
