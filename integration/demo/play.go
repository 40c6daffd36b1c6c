package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/steg-bridge/steg/integration/world"
)

// play is the demonstration itself.
type play struct {
	w     *world.World
	clock *clock

	anna, beat, carla, dario speaker
	market, class            *conversation
}

// perform plays all acts. Each ends only when both sides agree.
func (p *play) perform(ctx context.Context) error {
	p.anna, p.beat = teacher{p.w.Anna}, teacher{p.w.Beat}
	p.carla, p.dario = pupil{p.w.Carla}, pupil{p.w.Dario}
	for _, act := range []struct {
		title string
		play  func(context.Context) error
	}{
		{"Steg starts, and two channels are linked", p.link},
		{"Teachers and pupils talk", p.talk},
		{"More than words", p.more},
		{"Steg is killed in the middle (kill -9)", p.killSteg},
		{"Mattermost is stopped for a while", p.stopMattermost},
		{"What both sides show", p.judge},
	} {
		p.clock.chapter(act.title)
		if err := act.play(ctx); err != nil {
			return err
		}
	}
	return nil
}

// link starts Steg, links the public channel at the command line and the private
// one by writing to the bot, and lets the pupils in.
func (p *play) link(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w := p.w
	if err := w.Gateway.Start(ctx); err != nil {
		return err
	}
	p.clock.say("Steg runs")
	if err := w.Gateway.Connected(ctx); err != nil {
		return err
	}
	p.clock.sayf("the operator types: steg link mm %s --mode both", w.Market.Ref)
	if _, err := w.Gateway.Do(ctx, "link", "mm", w.Market.Ref, "--mode", "both"); err != nil {
		return err
	}
	bot, err := w.OpenManagement(ctx, w.Admin)
	if err != nil {
		return err
	}
	command := fmt.Sprintf("link mm %s --mode both --member %s", w.Staff.Ref, w.Carla.UserID)
	p.clock.sayf("the school's admin writes to the bot: %s", command)
	reply, err := bot.Ask(ctx, command)
	if err != nil {
		return err
	}
	p.clock.sayf("the bot answers: %s", reply)
	if p.market, err = p.open(ctx, w.Market, w.Carla, w.Dario); err != nil {
		return err
	}
	p.class, err = p.open(ctx, w.Staff, w.Carla)
	return err
}

// open waits for the room of a channel and lets pupils join.
func (p *play) open(ctx context.Context, channel world.Channel, pupils ...*world.Pupil) (*conversation, error) {
	room, err := p.w.Gateway.Room(ctx, channel.Ref)
	if err != nil {
		return nil, err
	}
	for _, pupil := range pupils {
		if channel.Private {
			_, err = pupil.AcceptInvite(ctx, room)
		} else {
			_, err = pupil.Join(ctx, room.String())
		}
		if err != nil {
			return nil, fmt.Errorf("%s joins %s: %w", pupil.Name, channel.Ref, err)
		}
		p.clock.sayf("%s has joined the room of %s", pupil.Name, channel.Ref)
	}
	return &conversation{channel: channel, room: room, w: p.w}, nil
}

// talk shows what crosses: messages, replies, edits and deletions, both ways.
func (p *play) talk(ctx context.Context) error {
	m, c := p.market, p.class
	err := inOrder(
		func() error { return m.say(ctx, p.anna, "Good morning! The ski camp starts on Monday.") },
		func() error {
			return m.answer(ctx, p.carla, "Good morning! The ski camp starts on Monday.", "When do we meet?")
		},
		func() error { return m.answer(ctx, p.anna, "When do we meet?", "At 7:40, at the station.") },
		func() error { return m.say(ctx, p.dario, "My skis are to long") },
		func() error { return m.edit(ctx, p.dario, "My skis are to long", "My skis are too long") },
		func() error { return m.answer(ctx, p.beat, "My skis are too long", "Come to my room at nune.") },
		func() error { return m.edit(ctx, p.beat, "Come to my room at nune.", "Come to my room at nine.") },
		func() error { return m.say(ctx, p.beat, "Wrong channel, sorry") },
		func() error { return m.remove(ctx, p.beat, "Wrong channel, sorry") },
		func() error { return m.say(ctx, p.dario, "first!!!") },
		func() error { return m.remove(ctx, p.dario, "first!!!") },
		func() error { return c.say(ctx, p.anna, "Class 3a only: your marks are in.") },
		func() error { return c.answer(ctx, p.carla, "Class 3a only: your marks are in.", "Thank you!") },
		func() error { return p.agree(ctx) },
	)
	if err == nil {
		p.clock.say("posts, replies, edits and deletions have crossed, in both directions")
	}
	return err
}

// killSteg kills Steg while messages flow both ways, lets people go on while it
// is down, and starts it again.
func (p *play) killSteg(ctx context.Context) error {
	const many = 10
	m, c := p.market, p.class
	halfway := make(chan struct{})
	// One side writes in each channel, so that there is one right order.
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for i := range many {
			if i == many/2 {
				close(halfway)
			}
			if err := m.say(gctx, p.anna, fmt.Sprintf("Packing list, item %d", i+1)); err != nil {
				return err
			}
		}
		return nil
	})
	g.Go(func() error {
		for i := range many {
			if err := c.say(gctx, p.carla, fmt.Sprintf("Idea %d for the last evening", i+1)); err != nil {
				return err
			}
		}
		return c.remove(gctx, p.carla, "Idea 3 for the last evening")
	})
	g.Go(func() error {
		select {
		case <-halfway:
		case <-gctx.Done():
			return nil
		}
		return p.w.Gateway.Kill()
	})
	if err := g.Wait(); err != nil {
		return err
	}
	p.clock.sayf("Steg was killed while Anna wrote %d messages and Carla %d; nobody noticed", many, many)
	err := inOrder(
		func() error { return m.say(ctx, p.beat, "Written while Steg is down") },
		// Of messages that have crossed, so that the marks of edits are comparable.
		func() error { return m.edit(ctx, p.anna, "At 7:40, at the station.", "At 7:30, at the station.") },
		func() error { return c.edit(ctx, p.carla, "Thank you!", "Thank you very much!") },
		func() error { return c.say(ctx, p.carla, "Also written while Steg is down") },
		func() error { return c.remove(ctx, p.carla, "Idea 4 for the last evening") },
		func() error { return p.w.Gateway.Start(ctx) },
	)
	if err != nil {
		return err
	}
	p.clock.say("Steg runs again")
	if err := p.agree(ctx); err != nil {
		return err
	}
	p.clock.say("both sides show every message once, in order")
	return nil
}

// stopMattermost stops Mattermost while pupils go on writing.
func (p *play) stopMattermost(ctx context.Context) error {
	m, c := p.market, p.class
	if err := p.w.Mattermost.Proc.Stop(ctx); err != nil {
		return err
	}
	p.clock.say("Mattermost is down; Carla and Dario go on writing")
	err := inOrder(
		func() error { return m.say(ctx, p.dario, "Is anybody there?") },
		func() error { return m.say(ctx, p.carla, "Mattermost seems to be down") },
		func() error { return m.answer(ctx, p.dario, "Is anybody there?", "Then they read this latr") },
		func() error { return m.edit(ctx, p.dario, "Then they read this latr", "Then they read this later") },
		func() error { return c.say(ctx, p.carla, "And here, too") },
		func() error { return p.w.Mattermost.Start(ctx) },
	)
	if err != nil {
		return err
	}
	p.clock.say("Mattermost runs again")
	err = inOrder(
		func() error { return m.answer(ctx, p.anna, "Then they read this later", "We do, thank you.") },
		func() error { return p.agree(ctx) },
	)
	if err == nil {
		p.clock.say("everything has arrived")
	}
	return err
}

// agree waits until both channels agree.
func (p *play) agree(ctx context.Context) error {
	return errors.Join(p.market.agree(ctx), p.class.agree(ctx))
}

// inOrder does one thing after the other until one fails.
func inOrder(things ...func() error) error {
	for _, thing := range things {
		if err := thing(); err != nil {
			return err
		}
	}
	return nil
}
