package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/steg-bridge/steg/config"
	"github.com/steg-bridge/steg/core"
	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/store"
)

// partTime is how long the check of one part may take.
const partTime = 30 * time.Second

// finding is one thing that was looked at.
type finding struct {
	Area string // "database", "bridge mm"
	bridge.Finding
}

// MarshalJSON names the fields for scripts.
func (f finding) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Area  string       `json:"area"`
		Level bridge.Level `json:"level"`
		What  string       `json:"what"`
		Fix   string       `json:"fix,omitempty"`
	}{f.Area, f.Level, f.What, f.Fix})
}

// checker collects findings and shows each as soon as it is known.
type checker struct {
	found []finding
	show  func(finding)
}

func (k *checker) add(area string, level bridge.Level, what, fix string) {
	k.addAll(area, []bridge.Finding{{Level: level, What: what, Fix: fix}})
}

func (k *checker) addAll(area string, found []bridge.Finding) {
	for _, f := range found {
		one := finding{Area: area, Finding: f}
		k.found = append(k.found, one)
		k.show(one)
	}
}

func runCheck(ctx context.Context, a *app, c *call) error {
	asJSON := c.flags.Bool("json", false, "print JSON")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	k := &checker{show: func(f finding) {
		if !*asJSON {
			fmt.Fprint(a.out, line(f))
		}
	}}
	a.check(ctx, c, k)
	failed := false
	for _, f := range k.found {
		failed = failed || f.Level == bridge.LevelFail
	}
	if *asJSON {
		if err := json.NewEncoder(a.out).Encode(k.found); err != nil {
			return err
		}
	}
	if failed {
		return errSilent
	}
	return nil
}

// line shows a finding with its remedy below.
func line(f finding) string {
	mark := map[bridge.Level]string{bridge.LevelOK: "✔", bridge.LevelWarn: "!", bridge.LevelFail: "✘"}[f.Level]
	text := fmt.Sprintf("%s %s: %s\n", mark, f.Area, strings.TrimPrefix(f.What, f.Area+": "))
	if f.Fix != "" {
		text += "    " + strings.ReplaceAll(f.Fix, "\n", "\n    ") + "\n"
	}
	return text
}

// check looks at everything that it can.
func (a *app) check(ctx context.Context, c *call, k *checker) {
	cfg, err := a.load(c)
	if err != nil {
		checkConfigError(k, c.config, err)
		return
	}
	k.add(c.config, bridge.LevelOK, fmt.Sprintf("valid (bridges: %d, schools: %d)", len(cfg.Bridges), len(cfg.Schools)), "")
	for _, w := range cfg.Warnings {
		k.add("warning", bridge.LevelWarn, w.In(c.config), "")
	}
	checkDatabase(ctx, k, cfg.Database)
	checkRegistration(k, cfg)
	checkPuppets(k, cfg)
	opts, err := options(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return // the registration is missing, which was said, or a secret vanished just now
	}
	checkHomeserver(ctx, k, opts.Homeserver)
	checkBridges(ctx, k, opts)
}

// checkConfigError shows each problem of a configuration.
func checkConfigError(k *checker, path string, err error) {
	wrong, ok := errors.AsType[*config.Error](err)
	if !ok {
		k.add(path, bridge.LevelFail, err.Error(), "")
		return
	}
	for _, p := range wrong.Problems {
		k.add("configuration", bridge.LevelFail, p.In(wrong.File), "")
	}
}

// checkDatabase opens the database without changing it.
func checkDatabase(ctx context.Context, k *checker, dsn string) {
	const area = "database"
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	st, err := store.Open(ctx, store.Options{DSN: dsn, Existing: true})
	switch {
	case errors.Is(err, store.ErrAbsent), errors.Is(err, store.ErrEmpty):
		k.add(area, bridge.LevelWarn, "there is none yet: steg run makes it", "")
		return
	case errors.Is(err, store.ErrOlder):
		k.add(area, bridge.LevelWarn, "it is from an older steg: the next steg run upgrades it", "make a backup first")
		return
	case err != nil:
		k.add(area, bridge.LevelFail, err.Error(), "")
		return
	}
	account, err := st.Account(ctx)
	err = errors.Join(err, st.Close())
	if err != nil {
		k.add(area, bridge.LevelFail, err.Error(), "")
		return
	}
	k.add(area, bridge.LevelOK, fmt.Sprintf("opens, %d pending, %d dead", account.Pending, account.Dead), "")
	if account.Dead > 0 {
		k.add(area, bridge.LevelWarn, fmt.Sprintf("%d messages could not cross", account.Dead), "steg deadletters shows them; replay or discard each")
	}
}

// checkRegistration compares the registration with the configuration.
func checkRegistration(k *checker, cfg *config.Config) {
	reg, err := matrix.LoadRegistration(cfg.Homeserver.Registration)
	if err != nil {
		k.add("registration", bridge.LevelFail, err.Error(), "write it with: steg registration -write")
		return
	}
	k.addAll("registration", reg.Compare(registrationOptions(cfg.Homeserver, kinds(cfg)...)))
}

// checkHomeserver asks the homeserver, both ways.
func checkHomeserver(ctx context.Context, k *checker, opts matrix.Options) {
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	service, err := matrix.New(opts)
	if err != nil {
		k.add("homeserver", bridge.LevelFail, err.Error(), "")
		return
	}
	k.addAll("homeserver", service.Check(ctx))
}

// checkBridges asks each network.
func checkBridges(ctx context.Context, k *checker, opts core.Options) {
	clients, err := core.Clients(opts)
	if err != nil {
		k.add("bridges", bridge.LevelFail, err.Error(), "")
		return
	}
	checkDirects(k, opts, clients)
	for _, b := range opts.Bridges {
		checker, ok := clients[b.ID].(bridge.Checker)
		if !ok {
			continue
		}
		part, cancel := context.WithTimeout(ctx, partTime)
		k.addAll("bridge "+string(b.ID), checker.Check(part))
		cancel()
	}
}

// checkDirects looks whether direct chats are possible where a school allows them.
func checkDirects(k *checker, opts core.Options, clients map[bridge.ID]bridge.Client) {
	wanted := slices.ContainsFunc(opts.Schools, func(s engine.School) bool { return s.Direct })
	possible := slices.ContainsFunc(opts.Bridges, func(b engine.BridgeSpec) bool {
		return b.Bridge.Capabilities().Fill(clients[b.ID]).Directs
	})
	if wanted && !possible {
		k.add("direct chats", bridge.LevelWarn, "a school allows them, but on no network have Matrix people accounts of their own",
			"Mattermost: set identity: bots and admin_token_file; or set direct_chats: false")
	}
}
