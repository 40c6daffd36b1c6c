package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/steg-bridge/steg/config"
	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix"
)

// puppetRegistration shows the registration for double puppets, or writes it.
func (a *app) puppetRegistration(cfg *config.Config, write bool) error {
	file, named := cfg.Homeserver.DoublePuppets, true
	if file == "" {
		file, named = filepath.Join(filepath.Dir(cfg.File), "doublepuppets.yaml"), false
	}
	want := registrationOptions(cfg.Homeserver)
	have, err := matrix.LoadPuppetRegistration(file)
	if errors.Is(err, fs.ErrNotExist) {
		have, err = nil, nil
	}
	if err != nil {
		return err
	}
	if write {
		return a.writePuppetRegistration(file, named, want, have)
	}
	shown := registration(matrix.NewPuppetRegistration(want))
	if have != nil {
		shown = have
	}
	return a.showRegistration(shown, have != nil, want, file, "steg registration -double-puppets -write")
}

// writePuppetRegistration writes it; the tokens of one that was there are kept.
func (a *app) writePuppetRegistration(file string, named bool, want matrix.RegistrationOptions, have *matrix.PuppetRegistration) error {
	made := matrix.NewPuppetRegistration(want)
	if have != nil {
		made.ASToken, made.HSToken = have.ASToken, have.HSToken
		if have.SenderLocalpart != "" {
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
	fmt.Fprintf(a.out, "Wrote %s. Who has this file can act as every user of the homeserver: keep it secret.\n", file)
	if !named {
		fmt.Fprintf(a.out, "Name it in the configuration:\n  homeserver:\n    double_puppets: %s\n", filepath.Base(file))
	}
	fmt.Fprintln(a.out, "Name it to the homeserver beside the first registration, in the same list, and restart that:")
	a.homeserverSteps(file)
	return nil
}

// puppetToken reads the token that lets us act as people, "" when that is off.
func puppetToken(cfg *config.Config) (string, error) {
	file := cfg.Homeserver.DoublePuppets
	if file == "" {
		return "", nil
	}
	reg, err := matrix.LoadPuppetRegistration(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no %s: write it with \"steg registration -double-puppets -write\" and give it to the homeserver, or take homeserver.double_puppets out of the configuration", file)
	}
	if err != nil {
		return "", err
	}
	return reg.ASToken, nil
}

// checkPuppets compares the registration for double puppets with the configuration.
func checkPuppets(k *checker, cfg *config.Config) {
	file := cfg.Homeserver.DoublePuppets
	if file == "" {
		return
	}
	reg, err := matrix.LoadPuppetRegistration(file)
	if err != nil {
		k.add("registration", bridge.LevelFail, err.Error(), "write it with: steg registration -double-puppets -write")
		return
	}
	k.addAll("registration", reg.Compare(registrationOptions(cfg.Homeserver)))
}
