package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/world"
	"github.com/steg-bridge/steg/integration/world/transcript"
)

// conversation is a channel with its room, and what was said there: the truth
// that both sides are measured against.
type conversation struct {
	channel world.Channel
	room    id.RoomID
	said    []transcript.Line
	w       *world.World
}

// patience bounds every wait of the demonstration. A wait that takes longer is a
// failure of Steg.
const patience = time.Minute

// say writes a message and notes it. People read before they write: who speaks
// waits for what was said last, so that there is one right order.
func (c *conversation) say(ctx context.Context, who speaker, text string) error {
	if last := transcript.Live(c.said); len(last) > 0 {
		if err := who.sees(ctx, c, last[len(last)-1].Text); err != nil {
			return fmt.Errorf("%s waits for %q: %w", who.name(), last[len(last)-1].Text, err)
		}
	}
	if err := who.say(ctx, c, text); err != nil {
		return fmt.Errorf("%s says %q: %w", who.name(), text, err)
	}
	c.said = append(c.said, transcript.Line{Author: who.name(), Text: text, Root: -1})
	return nil
}

// answer writes a reply to what somebody said, as soon as it has arrived.
func (c *conversation) answer(ctx context.Context, who speaker, to, text string) error {
	if err := who.answer(ctx, c, to, text); err != nil {
		return fmt.Errorf("%s answers %q: %w", who.name(), text, err)
	}
	root := c.find(to)
	if above := c.said[root].Root; above >= 0 {
		root = above
	}
	c.said = append(c.said, transcript.Line{Author: who.name(), Text: text, Root: root})
	return nil
}

// edit changes a message.
func (c *conversation) edit(ctx context.Context, who speaker, old, text string) error {
	if err := who.edit(ctx, c, old, text); err != nil {
		return fmt.Errorf("%s edits %q: %w", who.name(), old, err)
	}
	at := c.find(old)
	c.said[at].Text, c.said[at].Edited = text, true
	return nil
}

// remove deletes a message.
func (c *conversation) remove(ctx context.Context, who speaker, text string) error {
	if err := who.remove(ctx, c, text); err != nil {
		return fmt.Errorf("%s deletes %q: %w", who.name(), text, err)
	}
	at := c.find(text)
	c.said[at].Text, c.said[at].Deleted = "", true
	return nil
}

// find returns the place of a text that was said.
func (c *conversation) find(text string) int {
	return slices.IndexFunc(c.said, func(l transcript.Line) bool { return l.Text == text })
}

// sides reads what both sides show.
func (c *conversation) sides(ctx context.Context) (mattermost, matrix transcript.Side, err error) {
	mattermost.Name, matrix.Name = "MATTERMOST", "MATRIX"
	mattermost.Lines, err = transcript.Mattermost(ctx, c.w.Mattermost.Admin, c.channel.ID)
	if err != nil {
		return mattermost, matrix, err
	}
	matrix.Lines, err = transcript.Matrix(ctx, c.w.Carla.MatrixPerson, c.room)
	return mattermost, matrix, err
}

// compare returns an error that tells in words where the two sides differ from
// each other or from what was said.
func (c *conversation) compare(ctx context.Context) error {
	mattermost, matrix, err := c.sides(ctx)
	if err != nil {
		return err
	}
	differences := transcript.Differences(mattermost, matrix)
	if len(differences) == 0 {
		differences = transcript.Differences(transcript.Side{Name: "what was said", Lines: c.said}, matrix)
	}
	if len(differences) == 0 {
		return nil
	}
	return errors.New(strings.Join(differences, "\n  "))
}

// agree waits until both sides show what was said.
func (c *conversation) agree(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return world.Until(ctx, "both sides of "+c.channel.Ref+" to agree", c.compare)
}
