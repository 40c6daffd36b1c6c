package bridge

import (
	"fmt"
	"log/slog"
	"time"
)

// Definition is one kind of bridge, as listed in bridges/all.
type Definition struct {
	Kind    string // the word in the configuration: "mattermost"
	Name    string // for people: "Mattermost"
	Example string // commented YAML of its own settings, shown by init
	// New makes a bridge from its part of the configuration. decode fills a
	// pointer to the bridge's own config struct strictly (unknown keys fail).
	New func(decode func(into any) error, deps Deps) (Bridge, error)
}

// Deps is what the core lends to a bridge.
type Deps struct {
	ID  ID
	Log *slog.Logger
	Now func() time.Time
	// Secret reads a secret that the configuration names: the text itself, or the
	// content of a file, by the keys name and name_file.
	Secret func(value, file string) (string, error)
}

// Config is what every bridge's own configuration struct offers.
type Config interface {
	// Validate reports all problems at once, each naming the key and the remedy.
	Validate() error
}

// Define makes a Definition from a typed configuration, so that no other code
// needs to know the type. defaults returns a pointer to a filled struct.
func Define[C Config](kind, name, example string, defaults func() C, open func(C, Deps) (Bridge, error)) Definition {
	return Definition{
		Kind: kind, Name: name, Example: example,
		New: func(decode func(any) error, deps Deps) (Bridge, error) {
			cfg := defaults()
			if err := decode(cfg); err != nil {
				return nil, err
			}
			if err := cfg.Validate(); err != nil {
				return nil, fmt.Errorf("bridge %s: %w", deps.ID, err)
			}
			return open(cfg, deps)
		},
	}
}
