package main

import (
	"context"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// speaker is somebody on either side. Messages are named by their texts; what
// comes from the other side is waited for.
type speaker interface {
	name() string
	sees(ctx context.Context, c *conversation, text string) error
	say(ctx context.Context, c *conversation, text string) error
	answer(ctx context.Context, c *conversation, to, text string) error
	edit(ctx context.Context, c *conversation, old, text string) error
	remove(ctx context.Context, c *conversation, text string) error
}

// teacher speaks on Mattermost.
type teacher struct{ *world.Teacher }

func (t teacher) name() string { return t.Name }

func (t teacher) sees(ctx context.Context, c *conversation, text string) error {
	_, err := t.find(ctx, c, text)
	return err
}

func (t teacher) say(ctx context.Context, c *conversation, text string) error {
	_, err := t.Post(ctx, c.channel.ID, text)
	return err
}

func (t teacher) answer(ctx context.Context, c *conversation, to, text string) error {
	root, err := t.find(ctx, c, to)
	if err != nil {
		return err
	}
	_, err = t.Reply(ctx, root, text)
	return err
}

func (t teacher) edit(ctx context.Context, c *conversation, old, text string) error {
	post, err := t.find(ctx, c, old)
	if err != nil {
		return err
	}
	return t.Edit(ctx, post, text)
}

func (t teacher) remove(ctx context.Context, c *conversation, text string) error {
	post, err := t.find(ctx, c, text)
	if err != nil {
		return err
	}
	return t.Delete(ctx, post)
}

func (t teacher) find(ctx context.Context, c *conversation, text string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	post, err := t.WaitFor(ctx, c.channel.ID, func(p harness.MattermostPost) bool { return p.Message == text })
	return post.ID, err
}

// pupil speaks on Matrix.
type pupil struct{ *world.Pupil }

func (p pupil) name() string { return p.Name }

func (p pupil) sees(ctx context.Context, c *conversation, text string) error {
	_, err := p.find(ctx, c, text)
	return err
}

func (p pupil) say(ctx context.Context, c *conversation, text string) error {
	_, err := p.Say(ctx, c.room, text)
	return err
}

func (p pupil) answer(ctx context.Context, c *conversation, to, text string) error {
	message, err := p.find(ctx, c, to)
	if err != nil {
		return err
	}
	_, err = p.Reply(ctx, c.room, message, text)
	return err
}

func (p pupil) edit(ctx context.Context, c *conversation, old, text string) error {
	message, err := p.find(ctx, c, old)
	if err != nil {
		return err
	}
	_, err = p.Edit(ctx, c.room, message, text)
	return err
}

func (p pupil) remove(ctx context.Context, c *conversation, text string) error {
	message, err := p.find(ctx, c, text)
	if err != nil {
		return err
	}
	return p.Redact(ctx, c.room, message)
}

func (p pupil) find(ctx context.Context, c *conversation, text string) (id.EventID, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	message, err := p.WaitFor(ctx, c.room, func(m harness.MatrixMessage) bool { return m.Latest() == text })
	return message.ID, err
}
