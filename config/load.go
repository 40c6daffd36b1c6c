package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// maxSize bounds a configuration file, in bytes.
const maxSize = 1 << 20

// Load reads and checks a configuration for the given kinds of bridges. The
// error is an [*Error] that lists every problem, or tells that the file cannot
// be read. Load opens no connections.
func Load(path string, defs []bridge.Definition, env Env) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	cfg, found := decode(path, data, defs, env)
	if err := found.err(path); err != nil {
		return nil, err
	}
	cfg.warn(found.root)
	return cfg, nil
}

// read reads the file, with remedies in its errors.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no configuration %s: make one with \"steg init\", or name another with --config", path)
	case err != nil:
		return nil, fmt.Errorf("read configuration: %w", err)
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder: name the file in it with --config", path)
	case info.Size() > maxSize:
		return nil, fmt.Errorf("%s is larger than 1 MiB: that is no configuration of steg", path)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%s may not be read by this user: run steg as the file's owner, or chown the file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return data, nil
}

// decode turns the text of a file into a configuration and checks it, as far as
// that is possible without the network.
func decode(path string, data []byte, defs []bridge.Definition, env Env) (*Config, *problems) {
	cfg := Defaults()
	cfg.File = path
	found := &problems{}
	root, problem := parse(data)
	if problem != nil {
		found.list = append(found.list, *problem)
		return nil, found
	}
	found.root = root
	if root.kind != kindMapping {
		found.add(root.line, "", "the file must hold keys such as homeserver and bridges: \"steg init\" writes an example")
		return nil, found
	}
	d := &decoder{env: env, found: found}
	// The bridges' settings are taken out first: each is decoded by its definition.
	var file struct {
		Config  `yaml:",inline"`
		Bridges any `yaml:"bridges"`
	}
	file.Config = cfg
	bridges := root.find("bridges")
	d.decode(withNull(root, "bridges"), reflect.ValueOf(&file).Elem(), "")
	cfg = file.Config
	cfg.Bridges = decodeBridges(d, bridges, path, defs)
	cfg.validate(found)
	dir := filepath.Dir(path)
	cfg.Homeserver.Registration = beside(dir, cfg.Homeserver.Registration)
	cfg.Homeserver.DoublePuppets = beside(dir, cfg.Homeserver.DoublePuppets)
	if name, ok := strings.CutPrefix(cfg.Database, "sqlite:"); ok {
		cfg.Database = "sqlite:" + beside(dir, name)
	}
	return &cfg, found
}

// withNull returns a mapping in which one key is there, with nothing in it.
func withNull(n *node, name string) *node {
	out := &node{kind: n.kind, line: n.line}
	for _, key := range n.keys {
		if key.name == name {
			key.node = &node{kind: kindNull, line: key.line}
		}
		out.keys = append(out.keys, key)
	}
	return out
}

// beside makes a path relative to a folder, unless it is absolute or empty.
func beside(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// decodeBridges reads the list of bridges: the keys that all share, and then
// each bridge's own settings with its definition.
func decodeBridges(d *decoder, list *node, file string, defs []bridge.Definition) []Bridge {
	if list == nil || list.kind == kindNull || !d.want(list, kindSequence, "bridges") {
		return nil
	}
	var out []Bridge
	for i, item := range list.items {
		path := fmt.Sprintf("bridges[%d]", i)
		if !d.want(item, kindMapping, path) {
			continue
		}
		var shared struct {
			ID   string `yaml:"id"`
			Kind string `yaml:"kind"`
		}
		head := &node{kind: kindMapping, line: item.line}
		for _, key := range item.keys {
			if key.name == "id" || key.name == "kind" {
				head.keys = append(head.keys, key)
			}
		}
		d.decode(head, reflect.ValueOf(&shared).Elem(), path)
		b := Bridge{
			ID: bridge.ID(shared.ID), Kind: shared.Kind,
			path: path, settings: item.without("id", "kind"), dir: filepath.Dir(file), env: d.env, file: file,
		}
		if def, ok := definitionOf(d.found, path, shared.Kind, defs); ok {
			b.Definition = def
			b.check(d.found)
		}
		out = append(out, b)
	}
	return out
}

// definitionOf finds the definition of a kind.
func definitionOf(found *problems, path, kind string, defs []bridge.Definition) (bridge.Definition, bool) {
	var kinds []string
	for _, def := range defs {
		if def.Kind == kind {
			return def, true
		}
		kinds = append(kinds, def.Kind)
	}
	if kind == "" {
		found.at(path+".kind", "is missing: write which network this is (%s)", oneOf(kinds))
	} else {
		found.at(path+".kind", "this program knows no network %q%s", kind, hint(kind, kinds))
	}
	return bridge.Definition{}, false
}

// Open makes the bridge from its settings. It does no network I/O; it reads the
// secrets' files. A bridge of a configuration that [Load] returned opens, unless
// a file has changed since.
func (b Bridge) Open(log *slog.Logger, now func() time.Time) (bridge.Bridge, error) {
	found := &problems{}
	opened, err := b.open(found, log, now)
	if err := found.err(b.file); err != nil {
		return nil, err
	}
	return opened, err
}

// check opens the bridge only to learn what is wrong with its settings.
func (b Bridge) check(found *problems) {
	_, err := b.open(found, slog.New(slog.DiscardHandler), time.Now)
	if err == nil {
		return
	}
	for _, one := range flatten(err) {
		text := strings.TrimPrefix(one.Error(), fmt.Sprintf("bridge %s: ", b.ID))
		path := b.path
		// A definition names the key first: that is where the problem is shown.
		word, rest, _ := strings.Cut(text, " ")
		key := strings.Trim(word, `":,`)
		if b.settings.find(key) != nil {
			path += "." + key
			if strings.HasSuffix(word, ":") {
				text = rest
			}
		}
		found.add(b.line(key), path, "%s", text)
	}
}

// line finds the line of one of the bridge's own keys, or of the bridge.
func (b Bridge) line(key string) int {
	if n := b.settings.find(key); n != nil {
		return n.line
	}
	return b.settings.line
}

// open makes the bridge. Settings that cannot be decoded are added to found;
// then it returns neither a bridge nor an error.
func (b Bridge) open(found *problems, log *slog.Logger, now func() time.Time) (bridge.Bridge, error) {
	before := len(found.list)
	strict := func(into any) error {
		target := reflect.ValueOf(into)
		if target.Kind() != reflect.Pointer || target.IsNil() {
			return errors.New("the settings must be decoded into a pointer")
		}
		d := &decoder{env: b.env, found: found}
		d.decode(b.settings, target.Elem(), b.path)
		if len(found.list) > before {
			return errors.New("settings are wrong")
		}
		return nil
	}
	opened, err := b.Definition.New(strict, bridge.Deps{ID: b.ID, Log: log, Now: now, Secret: secrets{dir: b.dir}.read})
	if len(found.list) > before {
		return nil, nil
	}
	return opened, err
}
