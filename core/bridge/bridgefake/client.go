package bridgefake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/steg-bridge/steg/core/bridge"
)

var (
	_ bridge.Client       = (*client)(nil)
	_ bridge.Editor       = (*client)(nil)
	_ bridge.Remover      = (*client)(nil)
	_ bridge.Resolver     = (*client)(nil)
	_ bridge.Follower     = (*client)(nil)
	_ bridge.AvatarOpener = (*client)(nil)
	_ bridge.Checker      = (*client)(nil)
	_ bridge.FileOpener   = (*client)(nil)
	_ bridge.FileLimiter  = (*client)(nil)
)

func (c *client) Send(ctx context.Context, m *bridge.Outgoing) (bridge.Receipt, error) {
	text, err := c.text(m)
	if err != nil {
		return bridge.Receipt{}, err
	}
	if m.Uncertain {
		r, found, err := c.net.find(ctx, c.id, m.Chat, m.Key, m.Since)
		if err != nil {
			return bridge.Receipt{}, fmt.Errorf("look for sent message: %w", classify(err))
		}
		if found {
			return r, nil
		}
	}
	files, err := c.upload(ctx, m.Files)
	if err != nil {
		return bridge.Receipt{}, err
	}
	r, err := c.net.send(ctx, c.id, m.Chat, sendReq{
		key: m.Key, author: m.Author.Name, text: text, root: m.Thread, hop: m.Hop, files: files,
	})
	if err != nil {
		return bridge.Receipt{}, fmt.Errorf("send: %w", classify(err))
	}
	return r, nil
}

func (c *client) Edit(ctx context.Context, m *bridge.OutgoingEdit) error {
	text, err := c.text(&m.Outgoing)
	if err != nil {
		return err
	}
	if err := c.net.editBy(ctx, c.id, m.Chat, m.Target, m.Key, text); err != nil {
		return fmt.Errorf("edit: %w", classify(err))
	}
	return nil
}

// text converts the content and holds it against the limits, before any call.
func (c *client) text(m *bridge.Outgoing) (string, error) {
	text := toNetwork(m.Content, m.People, m.Chats, m.MentionsAll)
	switch {
	case text == "" && len(m.Files) == 0:
		return "", fmt.Errorf("no text: %w", bridge.ErrRejected)
	case utf8.RuneCountInString(text) > c.net.opts.MaxText:
		return "", fmt.Errorf("more than %d characters: %w", c.net.opts.MaxText, bridge.ErrTooLarge)
	}
	return text, nil
}

func (c *client) Remove(ctx context.Context, m *bridge.OutgoingRemoval) error {
	err := classify(c.net.removeBy(ctx, c.id, m.Chat, m.Target, m.Key))
	if err != nil && !errors.Is(err, bridge.ErrNotFound) {
		return fmt.Errorf("remove: %w", err)
	}
	return nil // gone already is gone
}

func (c *client) Chat(ctx context.Context, id bridge.ChatID) (*bridge.ChatInfo, error) {
	info, err := c.net.chatInfo(ctx, c.id, id)
	if err != nil {
		return nil, fmt.Errorf("read chat: %w", classify(err))
	}
	return &info, nil
}

func (c *client) User(ctx context.Context, id bridge.UserID) (*bridge.UserInfo, error) {
	info, _, err := c.net.userInfo(ctx, c.id, id)
	if err != nil {
		return nil, fmt.Errorf("read person: %w", classify(err))
	}
	return &info, nil
}

func (c *client) Resolve(ctx context.Context, ref string) ([]bridge.ChatInfo, error) {
	infos, err := c.net.resolve(ctx, c.id, ref)
	if err != nil {
		return nil, fmt.Errorf("resolve: %w", classify(err))
	}
	return infos, nil
}

func (c *client) Follow(ctx context.Context, chat bridge.ChatID) (bridge.Cursor, error) {
	head, err := c.net.join(ctx, c.id, chat)
	if err != nil {
		err = classify(err)
		if errors.Is(err, bridge.ErrForbidden) {
			return "", fmt.Errorf("the chat is private; its owner must admit the login: %w", err)
		}
		return "", fmt.Errorf("follow: %w", err)
	}
	return bridge.Cursor(strconv.Itoa(head)), nil
}

func (c *client) OpenAvatar(ctx context.Context, id bridge.UserID) (body io.ReadCloser, mimeType string, err error) {
	_, png, err := c.net.userInfo(ctx, c.id, id)
	if err != nil {
		return nil, "", fmt.Errorf("open avatar: %w", classify(err))
	}
	if len(png) == 0 {
		return nil, "", fmt.Errorf("open avatar: no picture: %w", bridge.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(png)), "image/png", nil
}

func (c *client) Check(ctx context.Context) []bridge.Finding {
	_, _, err := c.net.userInfo(ctx, c.id, c.self())
	switch err = classify(err); {
	case err == nil:
		return []bridge.Finding{{Level: bridge.LevelOK, What: "the login is accepted"}}
	case errors.Is(err, bridge.ErrLoggedOut):
		return []bridge.Finding{{
			Level: bridge.LevelFail, What: "the login is not accepted", Fix: "call Restore on the network",
		}}
	default:
		return []bridge.Finding{{
			Level: bridge.LevelFail, What: "the network does not answer", Fix: "call SetDown(false) on the network",
		}}
	}
}

func (c *client) self() bridge.UserID { return bridge.UserID("bot-" + c.id) }
