package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/steg-bridge/steg/core/command"
	"github.com/steg-bridge/steg/core/store"
)

func runIdentity(ctx context.Context, a *app, c *call) error {
	asJSON := c.flags.Bool("json", false, "print JSON")
	if err := c.parse(0, 2); err != nil {
		return err
	}
	if len(c.names) == 0 {
		c.names = []string{"list"}
	}
	return a.operate(ctx, c, func(o *command.Operator, _ *store.Store) error {
		if len(c.names) == 1 && c.names[0] == "list" {
			return a.listIdentities(ctx, o, *asJSON)
		}
		verbs := map[string]struct {
			do   func(context.Context, command.Caller, int64) error
			done string
		}{
			"approve": {o.ApproveIdentity, "Number %d holds now.\n"},
			"reject":  {o.RejectIdentity, "Number %d is rejected.\n"},
			"remove":  {o.RemoveIdentity, "Number %d is removed.\n"},
		}
		verb, known := verbs[c.names[0]]
		if !known || len(c.names) != 2 {
			return &usageError{"write: steg " + c.line()}
		}
		number, err := strconv.ParseInt(c.names[1], 10, 64)
		if err != nil {
			return &usageError{"write a number that steg identity shows"}
		}
		if err := verb.do(ctx, command.Caller{}, number); err != nil {
			return err
		}
		fmt.Fprintf(a.out, verb.done, number)
		return nil
	})
}

// listIdentities shows what holds and what waits for approval.
func (a *app) listIdentities(ctx context.Context, o *command.Operator, asJSON bool) error {
	all, err := o.Identities(ctx, command.Caller{})
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(all)
	}
	if len(all) == 0 {
		fmt.Fprintln(a.out, "No accounts are linked, and none wait for approval.")
		return nil
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NUMBER\tSCHOOL\tSTATE\tSINCE\tMATRIX\tBRIDGE\tACCOUNT\tSHOWN AS")
	for _, i := range all {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.Number, i.School, i.State, command.Age(time.Since(i.Changed)), i.MXID, i.Bridge, i.Ref,
			command.Shown(i.Name))
	}
	return table.Flush()
}
