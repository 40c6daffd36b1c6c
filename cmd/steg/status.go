package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/steg-bridge/steg/core/command"
	"github.com/steg-bridge/steg/core/store"
)

func runStatus(ctx context.Context, a *app, c *call) error {
	asJSON := c.flags.Bool("json", false, "print JSON")
	verify := c.flags.Bool("verify", false, "count again what the account claims; reads the whole database")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	return a.operate(ctx, c, func(o *command.Operator, st *store.Store) error {
		status, err := o.Status(ctx, command.Caller{})
		if err != nil {
			return err
		}
		if *asJSON {
			if err := json.NewEncoder(a.out).Encode(status); err != nil {
				return err
			}
		} else if err := a.printStatus(status, time.Now()); err != nil {
			return err
		}
		if !*verify {
			return nil
		}
		wrong, err := st.VerifyAccount(ctx)
		if err != nil {
			return err
		}
		for _, line := range wrong {
			fmt.Fprintln(a.errs, line)
		}
		if len(wrong) > 0 {
			return errSilent
		}
		if !*asJSON {
			fmt.Fprintln(a.out, "verified: the account agrees with what the database holds")
		}
		return nil
	})
}

// printStatus shows a status as tables.
func (a *app) printStatus(s command.Status, now time.Time) error {
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "BRIDGE\tSTATE\tSINCE\tCAUSE")
	for _, b := range s.Bridges {
		state, since := string(b.State), "-"
		if state == "" {
			state = "never started"
		}
		if !b.Since.IsZero() {
			since = command.Age(now.Sub(b.Since))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", b.ID, state, since, b.Cause)
	}
	fmt.Fprintln(table)
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(table, "PORTAL\tSCHOOL\tBRIDGE\tCHAT\tMODE\tTO MATRIX\tTO NETWORK\tROOM\tTROUBLE")
	for _, p := range s.Portals {
		room := string(p.Room)
		if room == "" {
			room = "-"
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Number, p.School, p.Bridge, p.Ref, p.Mode,
			waiting(p.In, now), waiting(p.Out, now), room, trouble(p))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(s.Portals) == 0 {
		fmt.Fprintln(a.out, "(none: name chats in the configuration, or link them with steg link)")
	}
	fmt.Fprintln(a.out)
	if s.Control.Pending > 0 || s.Control.LastError != "" {
		fmt.Fprintf(a.out, "commands, invitations and profiles: %s %s\n", waiting(s.Control, now), s.Control.LastError)
	}
	fmt.Fprintln(a.out, s.Account)
	printDrops(a.out, s.Drops)
	return nil
}

// waiting shows how much waits in a lane, and how long the oldest has.
func waiting(l command.LaneStatus, now time.Time) string {
	text := "0"
	if l.Pending > 0 {
		text = fmt.Sprintf("%d, %s", l.Pending, command.Age(now.Sub(l.Oldest)))
	}
	if l.Dead > 0 {
		text += fmt.Sprintf(", %d dead", l.Dead)
	}
	return text
}

// trouble shows why a portal does not move.
func trouble(p command.PortalStatus) string {
	switch {
	case p.Paused != "":
		return "paused: " + p.Paused
	case p.In.LastError != "":
		return p.In.LastError
	case p.Out.LastError == "" && !p.Follows && p.Mode != store.ModeOff:
		return "not followed yet: if this stays, the log tells why"
	}
	return p.Out.LastError
}

// printDrops shows what was dropped on purpose, by policy.
func printDrops(out io.Writer, drops map[string]int64) {
	for _, policy := range slices.Sorted(maps.Keys(drops)) {
		fmt.Fprintf(out, "  dropped by policy %s: %d\n", policy, drops[policy])
	}
}
