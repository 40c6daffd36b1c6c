package world

import (
	"context"
	"encoding/json"
	"fmt"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/command"
)

// Status is what "steg status --json" tells.
func (g *Gateway) Status(ctx context.Context) (command.Status, error) {
	var status command.Status
	out, err := g.Do(ctx, "status", "--json")
	if err != nil {
		return status, err
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		return status, fmt.Errorf("read status: %w", err)
	}
	return status, nil
}

// Portal returns the state of the portal of a chat on the bridge mm.
func (g *Gateway) Portal(ctx context.Context, ref string) (command.PortalStatus, error) {
	status, err := g.Status(ctx)
	if err != nil {
		return command.PortalStatus{}, err
	}
	for _, p := range status.Portals {
		if p.Bridge == "mm" && p.Ref == ref {
			return p, nil
		}
	}
	return command.PortalStatus{}, fmt.Errorf("no portal of %s among %d", ref, len(status.Portals))
}

// Room waits until the portal of a chat has its room, and returns it.
func (g *Gateway) Room(ctx context.Context, ref string) (id.RoomID, error) {
	var room id.RoomID
	err := Until(ctx, "the room of "+ref, func(ctx context.Context) error {
		portal, err := g.Portal(ctx, ref)
		if err != nil {
			return err
		}
		if room = portal.Room; room == "" {
			return fmt.Errorf("no room yet; paused: %q", portal.Paused)
		}
		return nil
	})
	return room, err
}

// Connected waits until all bridges are connected and have caught up.
func (g *Gateway) Connected(ctx context.Context) error {
	return Until(ctx, "connected bridges", func(ctx context.Context) error {
		status, err := g.Status(ctx)
		if err != nil {
			return err
		}
		for _, b := range status.Bridges {
			if b.State != "connected" {
				return fmt.Errorf("bridge %s is %q: %s", b.ID, b.State, b.Cause)
			}
		}
		return nil
	})
}

// Settled waits until nothing is pending, and checks the account.
func (g *Gateway) Settled(ctx context.Context) error {
	return Until(ctx, "an empty queue", func(ctx context.Context) error {
		status, err := g.Status(ctx)
		if err != nil {
			return err
		}
		a := status.Account
		if a.Received != a.Delivered+a.Dropped+a.Dead+a.Pending {
			return fmt.Errorf("the account does not balance: %+v", a)
		}
		if a.Pending > 0 {
			return fmt.Errorf("pending: %d", a.Pending)
		}
		return nil
	})
}
