package world

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/steg-bridge/steg/integration/harness"
)

// buildAndServe compiles Steg while the servers start that need nothing of it.
func (w *World) buildAndServe(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	var binary string
	g.Go(func() (err error) {
		if binary = w.options.Binary; binary == "" {
			w.say("building Steg")
			binary, err = Build(ctx, w.path("bin"))
		}
		return err
	})
	g.Go(func() error { return w.startMattermost(ctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	gateway, err := newGateway(binary, w.path("steg"))
	if err != nil {
		return err
	}
	w.Gateway = gateway
	w.atEnd(gateway.Stop)
	return nil
}

// startMattermost starts PostgreSQL and Mattermost unless they are shared.
func (w *World) startMattermost(ctx context.Context) error {
	var err error
	if w.Postgres = w.options.Postgres; w.Postgres == nil {
		w.say("starting PostgreSQL, for Mattermost")
		w.Postgres, err = harness.StartPostgres(ctx, harness.PostgresOptions{Dir: w.path("postgres"), NoSync: true})
		if err != nil {
			return err
		}
		w.atEnd(w.Postgres.Stop)
	}
	if w.Mattermost = w.options.Mattermost; w.Mattermost != nil {
		return nil
	}
	w.say("starting a real Mattermost")
	w.Mattermost, err = harness.StartMattermost(ctx, harness.MattermostOptions{
		Dir: w.path("mattermost"), Postgres: w.Postgres,
		NoUsernameOverride: w.options.NoNameOverride, NoIconOverride: w.options.NoNameOverride,
	})
	if err != nil {
		return err
	}
	w.atEnd(w.Mattermost.Stop)
	return nil
}

// startHomeserver starts the homeserver with Steg's registration, on the port
// that the configuration names already.
func (w *World) startHomeserver(ctx context.Context) error {
	w.say("starting a real %s, a Matrix homeserver, with Steg's registration", title(w.Kind))
	options := harness.HomeserverOptions{
		Dir: w.path("homeserver"), ServerName: w.options.ServerName, Port: w.ports.homeserver,
		Registrations: []string{w.Gateway.Registration()},
	}
	if w.options.DoublePuppets {
		options.Registrations = append(options.Registrations, w.Gateway.PuppetRegistration())
	}
	start := harness.StartDendrite
	if w.Kind == Synapse {
		start = harness.StartSynapse
	}
	server, err := start(ctx, options)
	if err != nil {
		return err
	}
	w.Homeserver = server
	w.atEnd(server.Stop)
	return nil
}

// title is a homeserver's name for people.
func title(k Kind) string { return strings.ToUpper(string(k[:1])) + string(k[1:]) }

// ports are fixed before anything is configured.
type ports struct{ homeserver, gateway, admin int }

func freePorts(ctx context.Context) (ports, error) {
	var p ports
	for _, port := range []*int{&p.homeserver, &p.gateway, &p.admin} {
		var err error
		if *port, err = harness.FreePort(ctx); err != nil {
			return p, fmt.Errorf("choose ports: %w", err)
		}
	}
	return p, nil
}
