package command

import (
	"context"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// Status is the state of everything that a caller may see.
type Status struct {
	Bridges []BridgeStatus `json:"bridges"`
	Portals []PortalStatus `json:"portals"`
	// Control sums up the lanes that belong to no portal: commands, invitations,
	// profile changes.
	Control LaneStatus `json:"control"`
	// Account is the sum of all lanes: received = delivered + dropped + dead +
	// pending.
	Account Account `json:"account"`
	// Drops counts by policy what was dropped on purpose. It covers all schools,
	// and is shown to the operator only.
	Drops map[string]int64 `json:"drops,omitempty"`
}

// BridgeStatus is the last reported state of a network's login.
type BridgeStatus struct {
	ID    bridge.ID        `json:"id"`
	State bridge.ConnState `json:"state"` // "" = never started
	Cause string           `json:"cause,omitempty"`
	Since time.Time        `json:"since,omitzero"`
}

// PortalStatus is the state of a portal and its two lanes.
type PortalStatus struct {
	Number int64           `json:"number"`
	School bridge.SchoolID `json:"school"`
	Bridge bridge.ID       `json:"bridge"`
	Chat   bridge.ChatID   `json:"chat"`
	Ref    string          `json:"ref"`
	Room   id.RoomID       `json:"room,omitempty"` // "" = not made yet
	Mode   store.Mode      `json:"mode"`
	Paused string          `json:"paused,omitempty"`
	// Follows tells that the network's login receives the chat. It begins a moment
	// after linking; when it does not, the log tells why.
	Follows bool       `json:"follows"`
	In      LaneStatus `json:"in"`
	Out     LaneStatus `json:"out"`
}

// LaneStatus is what waits, and why.
type LaneStatus struct {
	Account
	Oldest    time.Time `json:"oldest,omitzero"` // when the oldest item was accepted
	Attempts  int       `json:"attempts,omitempty"`
	LastError string    `json:"last_error,omitempty"`
	NextAt    time.Time `json:"next_at,omitzero"`
}

// Account tells what became of everything that was accepted.
type Account struct {
	Received  int64 `json:"received"`
	Delivered int64 `json:"delivered"`
	Dropped   int64 `json:"dropped"`
	Dead      int64 `json:"dead"`
	Pending   int64 `json:"pending"`
}

// add sums a lane into a status; of its trouble the oldest is kept.
func (l *LaneStatus) add(s store.LaneState) {
	l.Received += s.Received
	l.Delivered += s.Delivered
	l.Dropped += s.Dropped
	l.Dead += s.Dead
	l.Pending += s.Pending()
	if l.Oldest.IsZero() || !s.Oldest.IsZero() && s.Oldest.Before(l.Oldest) {
		l.Oldest, l.Attempts, l.LastError, l.NextAt = s.Oldest, s.Attempts, s.LastError, s.NextAt
	}
}

// Status tells the state of bridges and portals and the account.
func (o *Operator) Status(ctx context.Context, c Caller) (Status, error) {
	if err := o.allow(c); err != nil {
		return Status{}, err
	}
	portals, err := o.opts.Store.Portals(ctx)
	if err != nil {
		return Status{}, err
	}
	// Lanes are read after portals: a lane's portal is always known then, unless
	// it was made in between and shows up next time.
	lanes, err := o.opts.Store.Lanes(ctx)
	if err != nil {
		return Status{}, err
	}
	var out Status
	if out.Bridges, err = o.bridges(ctx); err != nil {
		return Status{}, err
	}
	index := map[int64]int{}
	for _, p := range portals {
		if !o.sees(c, p.School) {
			continue
		}
		index[p.ID] = len(out.Portals)
		out.Portals = append(out.Portals, PortalStatus{
			Number: p.ID, School: p.School, Bridge: p.Bridge, Chat: p.Chat, Ref: p.Ref, Room: p.Room, Mode: p.Mode, Paused: p.Paused, Follows: p.Follows,
		})
	}
	var total LaneStatus
	for _, lane := range lanes {
		if !o.sees(c, lane.School) {
			continue
		}
		total.add(lane)
		at, known := index[lane.Portal]
		switch {
		case known && lane.Dir == store.DirIn:
			out.Portals[at].In.add(lane)
		case known && lane.Dir == store.DirOut:
			out.Portals[at].Out.add(lane)
		default:
			out.Control.add(lane)
		}
	}
	out.Account = total.Account
	if c.local() {
		out.Drops, err = o.opts.Store.Drops(ctx)
	}
	return out, err
}

// bridges lists the configured networks with the last state of their logins. A
// network with several logins shows the worst.
func (o *Operator) bridges(ctx context.Context) ([]BridgeStatus, error) {
	logins, err := o.opts.Store.Logins(ctx)
	if err != nil {
		return nil, err
	}
	severity := map[bridge.ConnState]int{
		bridge.StateConnected: 1, bridge.StateCatchingUp: 2, bridge.StateConnecting: 3, bridge.StateBroken: 4, bridge.StateLoggedOut: 5,
	}
	out := make([]BridgeStatus, 0, len(o.opts.Bridges))
	for _, n := range o.opts.Bridges {
		s := BridgeStatus{ID: n.ID}
		for _, l := range logins {
			if l.Bridge == n.ID && severity[l.State] >= severity[s.State] {
				s.State, s.Cause, s.Since = l.State, l.Cause, l.Since
			}
		}
		out = append(out, s)
	}
	return out, nil
}
