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

func runDeadLetters(ctx context.Context, a *app, c *call) error {
	asJSON := c.flags.Bool("json", false, "print JSON")
	limit := c.flags.Int("limit", 100, "list at most so many")
	if err := c.parse(0, 2); err != nil {
		return err
	}
	if len(c.names) == 0 {
		c.names = []string{"list"}
	}
	return a.operate(ctx, c, func(o *command.Operator, _ *store.Store) error {
		switch verb := c.names[0]; {
		case verb == "list" && len(c.names) == 1:
			return a.listLetters(ctx, o, *limit, *asJSON)
		case (verb == "replay" || verb == "discard") && len(c.names) == 2:
			number, err := strconv.ParseInt(c.names[1], 10, 64)
			if err != nil {
				return &usageError{"write a number that steg deadletters shows"}
			}
			if verb == "replay" {
				if err := o.Replay(ctx, command.Caller{}, number); err != nil {
					return err
				}
				fmt.Fprintf(a.out, "Dead letter %d goes out again.\n", number)
				return nil
			}
			if err := o.Discard(ctx, command.Caller{}, number); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Dead letter %d is discarded.\n", number)
			return nil
		}
		return &usageError{"write: steg " + c.line()}
	})
}

// listLetters shows dead letters, oldest first.
func (a *app) listLetters(ctx context.Context, o *command.Operator, limit int, asJSON bool) error {
	letters, err := o.DeadLetters(ctx, command.Caller{}, limit)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(letters)
	}
	if len(letters) == 0 {
		fmt.Fprintln(a.out, "There are no dead letters.")
		return nil
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NUMBER\tSCHOOL\tBRIDGE\tCHAT\tDIRECTION\tAGE\tREASON")
	for _, l := range letters {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Number, l.School, l.Bridge, l.Ref, command.Direction(l.Dir),
			command.Age(time.Since(l.DeadAt)), l.Reason)
	}
	return table.Flush()
}
