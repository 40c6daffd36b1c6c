package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"slices"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/bridges/all"
	"github.com/steg-bridge/steg/config"
	"github.com/steg-bridge/steg/core"
	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/command"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/store"
)

// grace is how long running sends may take after the signal to stop: less than
// what container runtimes and systemd wait before they kill.
const grace = 8 * time.Second

// mainLogin names a bridge's only account.
const mainLogin = bridge.LoginID("main")

// load reads the configuration.
func (a *app) load(c *call) (*config.Config, error) {
	return config.Load(c.config, all.Definitions(), a.env)
}

// logger makes the program's only logger.
func (a *app) logger(cfg *config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Log.Threshold()}
	if cfg.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(a.errs, options))
	}
	return slog.New(slog.NewTextHandler(a.errs, options))
}

// options turns a configuration into what the core runs with.
func options(cfg *config.Config, log *slog.Logger) (core.Options, error) {
	reg, err := matrix.LoadRegistration(cfg.Homeserver.Registration)
	if errors.Is(err, fs.ErrNotExist) {
		return core.Options{}, fmt.Errorf("there is no registration %s: write it with \"steg registration -write\" and give it to the homeserver", cfg.Homeserver.Registration)
	}
	if err != nil {
		return core.Options{}, err
	}
	puppets, err := puppetToken(cfg)
	if err != nil {
		return core.Options{}, err
	}
	o := core.Options{
		DSN: cfg.Database, Schools: schools(cfg.Schools), Limits: limits(cfg.Limits), AdminListen: cfg.Admin.Listen,
		Grace: grace, Version: versionName(), Log: log, Now: time.Now,
		Homeserver: matrix.Options{
			URL: cfg.Homeserver.URL, ServerName: cfg.Homeserver.Name, ASToken: reg.ASToken, HSToken: reg.HSToken, PuppetToken: puppets, ID: reg.ID,
			BotLocalpart: cfg.Homeserver.Bot, SenderLocalpart: reg.SenderLocalpart, Listen: cfg.Homeserver.Listen,
			PublicURL: cfg.Homeserver.PublicURL, Federate: cfg.Homeserver.Federate, Typing: cfg.Homeserver.Typing, Log: log, Now: time.Now,
		},
	}
	for _, b := range cfg.Bridges {
		opened, err := b.Open(log.With(slog.String("bridge", string(b.ID))), time.Now)
		if err != nil {
			return core.Options{}, err
		}
		o.Bridges = append(o.Bridges, engine.BridgeSpec{
			ID: b.ID, Kind: b.Kind, Name: b.Definition.Name, Bridge: opened, Login: bridge.Login{ID: mainLogin},
		})
	}
	return o, nil
}

// schools turns the configured schools into the engine's.
func schools(in []config.School) []engine.School {
	out := make([]engine.School, 0, len(in))
	for _, s := range in {
		school := engine.School{
			ID: s.ID, Name: s.Name, Language: s.Language, Direct: s.DirectChats, Spaces: s.Spaces == nil || *s.Spaces,
			ReadMarks: s.ReadMarks, Presence: s.Presence,
		}
		for _, admin := range s.Admins {
			school.Admins = append(school.Admins, id.UserID(admin))
		}
		for _, p := range s.Portals {
			school.Portals = append(school.Portals, engine.PortalSpec{
				Bridge: p.Bridge, Chat: p.Chat, Room: p.Room, Mode: store.Mode(p.Mode), Members: p.Members,
			})
		}
		out = append(out, school)
	}
	return out
}

// limits lays the configured limits over the engine's own.
func limits(in config.Limits) engine.Limits {
	out := engine.DefaultLimits()
	if in.LoopPerMinute != nil {
		out.LoopPerMinute = *in.LoopPerMinute
	}
	if in.MaxHops != nil {
		out.MaxHops = *in.MaxHops
	}
	if in.TargetWait != nil {
		out.TargetWait = *in.TargetWait
	}
	if in.UnknownAttempts != nil {
		out.UnknownAttempts = *in.UnknownAttempts
	}
	if in.MembersShown != nil {
		out.MembersShown = *in.MembersShown
	}
	return out
}

// registrationOptions is what the homeserver's registration must say.
func registrationOptions(h config.Homeserver, kinds ...string) matrix.RegistrationOptions {
	address := h.PushURL
	if address == "" {
		address = "http://" + reachable(h.Listen)
	}
	slices.Sort(kinds)
	return matrix.RegistrationOptions{URL: address, ServerName: h.Name, BotLocalpart: h.Bot, Protocols: slices.Compact(kinds)}
}

// kinds lists the kinds of the configured networks.
func kinds(cfg *config.Config) []string {
	var out []string
	for _, b := range cfg.Bridges {
		out = append(out, b.Kind)
	}
	return out
}

// reachable turns an address to listen on into one to connect to.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// operate opens the database beside a running process and hands the operator's
// commands to f.
func (a *app) operate(ctx context.Context, c *call, f func(*command.Operator, *store.Store) error) (err error) {
	cfg, err := a.load(c)
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler) // what goes wrong is returned
	opts, err := options(cfg, log)
	if err != nil {
		return err
	}
	st, err := store.Open(ctx, store.Options{DSN: opts.DSN, Now: time.Now, Log: log, Existing: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	rooms, err := matrix.New(opts.Homeserver)
	if err != nil {
		return err
	}
	clients, err := core.Clients(opts)
	if err != nil {
		return err
	}
	return f(core.Operator(st, rooms, opts, clients), st)
}
