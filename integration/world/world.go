package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/steg-bridge/steg/integration/harness"
)

// World is a school with its servers.
type World struct {
	Dir        string
	Kind       Kind
	Postgres   *harness.Postgres
	Mattermost *harness.Mattermost
	Homeserver *harness.Homeserver
	Gateway    *Gateway // Steg; not started yet

	// Wires are the proxies between Steg and its peers; nil without
	// Options.Proxied.
	Wires *Wires

	School

	options Options
	ends    []func(context.Context) error // in the order of their making
}

// New makes a world: servers, school, configuration and registration. Steg is
// built and configured but does not run. Close ends the world, also when New
// failed half-way: then the error is all that is left.
func New(ctx context.Context, options Options) (*World, error) {
	w := &World{options: withDefaults(options)}
	w.Kind = w.options.Homeserver
	if err := w.make(ctx); err != nil {
		return nil, errors.Join(err, w.Close(context.WithoutCancel(ctx)))
	}
	return w, nil
}

func withDefaults(o Options) Options {
	if o.Homeserver == "" {
		o.Homeserver = Dendrite
	}
	if o.ServerName == "" {
		o.ServerName = "school.test"
	}
	if o.Team == "" {
		o.Team = "gym"
	}
	if o.Database == "" {
		o.Database = SQLite
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	return o
}

func (w *World) make(ctx context.Context) error {
	if !slices.Contains(Kinds(), w.Kind) {
		return fmt.Errorf("unknown homeserver %q: choose one of %v", w.Kind, Kinds())
	}
	if err := w.makeDir(); err != nil {
		return fmt.Errorf("make folder of the world: %w", err)
	}
	for _, step := range []func(context.Context) error{
		w.buildAndServe, w.makeSchool, w.openWires, w.configure, w.startHomeserver, w.welcomePupils,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes the folder, open to the account that runs PostgreSQL for root.
func (w *World) makeDir() error {
	if w.options.Dir != "" {
		w.Dir = w.options.Dir
		return os.MkdirAll(w.Dir, 0o755)
	}
	dir, err := os.MkdirTemp("", "steg-world-")
	if err != nil {
		return err
	}
	w.Dir = dir
	w.atEnd(func(context.Context) error { return os.RemoveAll(dir) })
	return os.Chmod(dir, 0o755)
}

// path names a file or folder of the world.
func (w *World) path(parts ...string) string {
	return filepath.Join(append([]string{w.Dir}, parts...)...)
}

// say tells people what happens.
func (w *World) say(format string, args ...any) { w.options.Say(fmt.Sprintf(format, args...)) }

// atEnd remembers what Close must do.
func (w *World) atEnd(end func(context.Context) error) { w.ends = append(w.ends, end) }

// Close stops what this world has started, newest first. It can be called with
// a context that has ended.
func (w *World) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var errs []error
	for _, end := range slices.Backward(w.ends) {
		errs = append(errs, end(ctx))
	}
	w.ends = nil
	return errors.Join(errs...)
}
