package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/steg-bridge/steg/config"
	"github.com/steg-bridge/steg/core"
	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/matrix"
)

// gcPercent trades a little time for memory, on the small servers of schools: with
// Go's default of 100 a backlog takes a tenth more of it.
const gcPercent = 60

func runRun(ctx context.Context, a *app, c *call) (err error) {
	if err := c.parse(0, 0); err != nil {
		return err
	}
	cfg, err := a.load(c)
	if err != nil {
		return err
	}
	log := a.logger(cfg)
	opts, err := options(cfg, log)
	if err != nil {
		return err
	}
	warn(ctx, cfg, log)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	gateway, err := core.New(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gateway.Close(context.WithoutCancel(ctx))) }()
	log.LogAttrs(ctx, slog.LevelInfo, "started", slog.String("version", versionName()),
		slog.Int("bridges", len(opts.Bridges)), slog.Int("schools", len(opts.Schools)))
	if err := gateway.Run(ctx); err != nil {
		return err
	}
	log.LogAttrs(ctx, slog.LevelInfo, "stopped")
	return nil
}

// warn logs what works but should be changed.
func warn(ctx context.Context, cfg *config.Config, log *slog.Logger) {
	for _, w := range cfg.Warnings {
		log.LogAttrs(ctx, slog.LevelWarn, "configuration", slog.Int("line", w.Line), slog.String("key", w.Path), slog.String("warning", w.Text))
	}
	reg, err := matrix.LoadRegistration(cfg.Homeserver.Registration)
	if err != nil {
		return // options has reported it
	}
	for _, f := range reg.Compare(registrationOptions(cfg.Homeserver, kinds(cfg)...)) {
		if f.Level != bridge.LevelOK {
			log.LogAttrs(ctx, slog.LevelWarn, "registration", slog.String("warning", f.What), slog.String("fix", f.Fix))
		}
	}
}
