// Package core is Steg without its process: it wires the durable queue, the
// store, the Matrix side and the engine for any list of bridges. It names no
// network and reads no configuration file; both are handed in.
package core

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/steg-bridge/steg/core/admin"
	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/command"
	"github.com/steg-bridge/steg/core/engine"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// Options is everything that a gateway needs to run.
type Options struct {
	DSN        string // "sqlite:steg.db" or "postgres://…"
	Homeserver matrix.Options
	Bridges    []engine.BridgeSpec
	Schools    []engine.School
	Limits     engine.Limits
	// AdminListen is the address of health and metrics, loopback by default;
	// "" = none.
	AdminListen string
	// Grace is how long running steps may take after ctx of Run has ended.
	Grace   time.Duration
	Version string // shown by metrics
	Log     *slog.Logger
	Now     func() time.Time
}

// Core is a gateway, ready to run.
type Core struct {
	opts     Options
	st       *store.Store
	instance *store.Instance
	matrix   *matrix.Service
	engine   *engine.Engine
	queue    *queue.Queue
	admin    *admin.Server
	owned    *ownership
}

// New opens the database, claims it and wires everything. It does not talk to
// homeserver or networks yet. Close what it returns, also when Run was not called.
func New(ctx context.Context, opts Options) (*Core, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	st, err := store.Open(ctx, store.Options{DSN: opts.DSN, Now: opts.Now, Log: opts.Log})
	if err != nil {
		return nil, err
	}
	c := &Core{opts: opts, st: st}
	if err := c.wire(ctx); err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
}

func (c *Core) wire(ctx context.Context) error {
	var err error
	if c.instance, err = c.st.AcquireInstance(ctx); err != nil {
		return err
	}
	hs := c.opts.Homeserver
	hs.Log, hs.Now = c.opts.Log, c.opts.Now
	if hs.AvatarSecret, err = avatarSecret(ctx, c.st); err != nil {
		return err
	}
	if c.matrix, err = matrix.New(hs); err != nil {
		return err
	}
	clients, err := Clients(c.opts)
	if err != nil {
		return err
	}
	c.admin = admin.New(admin.Options{
		Listen: c.opts.AdminListen, Source: c.st, Version: c.opts.Version, Log: c.opts.Log, Now: c.opts.Now,
		Ready: func(ctx context.Context) error {
			_, err := c.st.Revision(ctx)
			return errors.Join(err, c.queue.Trouble())
		},
		OpenBreakers: func() []string { return c.queue.OpenBreakers() },
	})
	c.owned = &ownership{instance: c.instance}
	c.engine, err = engine.New(engine.Options{
		Store: c.st, Homeserver: c.matrix, Bridges: c.opts.Bridges, Schools: c.opts.Schools, Limits: c.opts.Limits,
		Log: c.opts.Log, Now: c.opts.Now, Own: c.owned.claim,
		Observe: c.admin.Observe, Typing: c.opts.Homeserver.Typing,
		Clients: clients, Commander: Operator(c.st, c.matrix, c.opts, clients),
	})
	if err != nil {
		return err
	}
	c.queue = queue.New(c.st, c.instance, c.engine, queue.Options{
		Log: c.opts.Log, Now: c.opts.Now, Grace: c.opts.Grace, Owns: c.owned.has,
	})
	c.engine.Attach(c.queue)
	return c.engine.Load(ctx)
}

// Operator makes what executes an operator's commands, from the command line as
// well as from the management room. clients are those of the bridges.
func Operator(st *store.Store, hs *matrix.Service, opts Options, clients map[bridge.ID]bridge.Client) *command.Operator {
	o := command.Options{Store: st, Rooms: hs, Accounts: hs, Log: opts.Log, Now: opts.Now}
	for _, s := range opts.Schools {
		school := command.School{ID: s.ID, Language: s.Language, Admins: s.Admins}
		for _, p := range s.Portals {
			if !slices.Contains(school.Bridges, p.Bridge) {
				school.Bridges = append(school.Bridges, p.Bridge)
			}
		}
		o.Schools = append(o.Schools, school)
	}
	for _, b := range opts.Bridges {
		n := command.Network{ID: b.ID, Name: b.Name, Client: clients[b.ID]}
		if r, ok := clients[b.ID].(bridge.Resolver); ok {
			n.Resolver = r
		}
		o.Bridges = append(o.Bridges, n)
	}
	return command.New(o)
}

// Clients opens the client of each bridge. It does no I/O.
func Clients(opts Options) (map[bridge.ID]bridge.Client, error) {
	clients := make(map[bridge.ID]bridge.Client, len(opts.Bridges))
	for _, b := range opts.Bridges {
		c, err := b.Bridge.Open(b.Login)
		if err != nil {
			return nil, fmt.Errorf("bridge %s: %w", b.ID, err)
		}
		clients[b.ID] = c
	}
	return clients, nil
}

// avatarSecret seals the addresses of avatars; made once and kept, so that they
// stay the same.
func avatarSecret(ctx context.Context, st *store.Store) (secret [32]byte, err error) {
	const key = "avatar-secret"
	text, err := st.Value(ctx, "", "", key)
	if errors.Is(err, store.ErrNoRow) {
		if _, err := rand.Read(secret[:]); err != nil {
			return secret, fmt.Errorf("make avatar secret: %w", err)
		}
		return secret, st.SetValue(ctx, "", "", key, base64.StdEncoding.EncodeToString(secret[:]))
	}
	if err != nil {
		return secret, fmt.Errorf("read avatar secret: %w", err)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != len(secret) {
		return secret, errors.New("the stored avatar secret is damaged: restore the database from a backup")
	}
	return [32]byte(raw), nil
}

// Close gives the database back. Call it when Run has returned.
func (c *Core) Close(ctx context.Context) error {
	var errs []error
	if c.instance != nil {
		errs = append(errs, c.instance.Release(ctx))
	}
	return errors.Join(append(errs, c.st.Close())...)
}
