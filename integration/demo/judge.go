package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/steg-bridge/steg/integration/world/transcript"
)

// columnWidth fits two columns on a terminal of 120 characters.
const columnWidth = 56

// judge prints both sides and the account, and returns an error unless all is
// well.
func (p *play) judge(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var errs []error
	for _, c := range []*conversation{p.market, p.class} {
		mattermost, matrix, err := c.sides(ctx)
		if err != nil {
			return err
		}
		kind := "public"
		if c.channel.Private {
			kind = "private"
		}
		fmt.Printf("\n  %s (%s)\n\n", c.channel.Ref, kind)
		if err := transcript.Print(os.Stdout, mattermost, matrix, columnWidth); err != nil {
			return err
		}
		errs = append(errs, c.compare(ctx))
	}
	errs = append(errs, p.notLeaked(ctx), p.w.Gateway.Settled(ctx))
	status, err := p.w.Gateway.Do(ctx, "status")
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	fmt.Println()
	for line := range strings.SplitSeq(status, "\n") {
		if strings.Contains(line, "received") && strings.Contains(line, "=") {
			fmt.Println("  " + strings.TrimSpace(line))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("the two sides differ:\n  %w", err)
	}
	fmt.Println("\n  Both sides agree: every message once, in order, by the right author; edits, deletions")
	fmt.Println("  and threads are the same; the private channel stayed private.")
	return nil
}

// notLeaked makes sure that the private channel's messages are nowhere else, and
// that who is not entitled gets nowhere near.
func (p *play) notLeaked(ctx context.Context) error {
	public, err := transcript.Matrix(ctx, p.w.Dario.MatrixPerson, p.market.room)
	if err != nil {
		return err
	}
	for _, line := range transcript.Live(p.class.said) {
		if transcript.Holds(public, line.Text) {
			return fmt.Errorf("a message of the private channel is in the public room: %q", line.Text)
		}
	}
	if _, err := p.w.Dario.Join(ctx, p.class.room.String()); err == nil {
		return errors.New("the pupil Dario could join the room of the private channel")
	}
	// Some homeservers answer with an error, some with nothing.
	if messages, err := p.w.Dario.ReadAll(ctx, p.class.room); err == nil && len(messages) > 0 {
		return errors.New("the pupil Dario could read the room of the private channel")
	}
	return nil
}
