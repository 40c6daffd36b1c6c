package main

import (
	"context"
	"fmt"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/command"
	"github.com/steg-bridge/steg/core/store"
)

func runLink(ctx context.Context, a *app, c *call) error {
	var r command.LinkRequest
	c.flags.StringVar((*string)(&r.School), "school", "", "the `school`, when there are several")
	c.flags.StringVar(&r.Room, "room", "", "an existing `room` (#alias:server or !id) instead of a new one")
	c.flags.StringVar((*string)(&r.Mode), "mode", "announce", "what may cross: announce, both, inbox or off")
	c.flags.Func("member", "a Matrix `user` (@name:server or @*:server) who may be in the room of a private chat; may stand several times",
		func(m string) error { r.Members = append(r.Members, m); return nil })
	if err := c.parse(2, 2); err != nil {
		return err
	}
	r.Bridge, r.Chat = bridge.ID(c.names[0]), c.names[1]
	return a.operate(ctx, c, func(o *command.Operator, _ *store.Store) error {
		p, err := o.Link(ctx, command.Caller{}, r)
		if err == nil {
			fmt.Fprintln(a.out, command.Linked(p))
		}
		return err
	})
}

func runUnlink(ctx context.Context, a *app, c *call) error {
	if err := c.parse(2, 2); err != nil {
		return err
	}
	return a.operate(ctx, c, func(o *command.Operator, _ *store.Store) error {
		p, err := o.Unlink(ctx, command.Caller{}, bridge.ID(c.names[0]), c.names[1])
		if err == nil {
			fmt.Fprintf(a.out, "%s %s is no longer linked. The room stays as it is.\n", p.Bridge, p.Ref)
		}
		return err
	})
}

func runMode(ctx context.Context, a *app, c *call) error {
	if err := c.parse(3, 3); err != nil {
		return err
	}
	return a.operate(ctx, c, func(o *command.Operator, _ *store.Store) error {
		p, err := o.SetMode(ctx, command.Caller{}, bridge.ID(c.names[0]), c.names[1], store.Mode(c.names[2]))
		if err == nil {
			fmt.Fprintf(a.out, "%s %s: mode %s (%s)\n", p.Bridge, p.Ref, p.Mode, command.Meaning(p.Mode))
		}
		return err
	})
}
