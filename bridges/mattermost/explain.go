package mattermost

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// secondLook is how long after the first look a 401 or 403 is checked again
// before it is believed. The server's health answers within milliseconds of its
// database going away.
const secondLook = 1500 * time.Millisecond

// explain turns a failed request into the contract's errors, asking the server
// back where its answer alone proves nothing: while its database is away it
// answers 401 to good tokens and 403 to members. chat is the channel that the
// request was about, "" when none.
func (c *client) explain(ctx context.Context, err error, chat bridge.ChatID) error {
	if err == nil {
		return nil
	}
	switch status := statusOf(err); {
	case status == http.StatusUnauthorized:
		return c.explainUnauthorized(ctx, err)
	case status == http.StatusForbidden:
		return c.explainForbidden(ctx, err, chat)
	case status == http.StatusInternalServerError && idOf(err) != idPending:
		// A 500 is either the whole server or this very request.
		if sick := c.api.healthy(ctx); sick != nil {
			return shared(err)
		}
	}
	return classify(err)
}

func shared(err error) error { return &bridge.TemporaryError{Err: err, Shared: true} }

// explainUnauthorized believes a 401 when a sound server repeats it.
func (c *client) explainUnauthorized(ctx context.Context, err error) error {
	for look := range 2 {
		if look > 0 {
			if waitErr := wait(ctx, secondLook); waitErr != nil {
				return waitErr
			}
		}
		if sick := c.api.healthy(ctx); sick != nil {
			return shared(err)
		}
		if _, meErr := c.api.me(ctx); statusOf(meErr) != http.StatusUnauthorized {
			return shared(err)
		}
	}
	return fmt.Errorf("%w: the server does not accept the token: create a new access token for the bot account and enable the account: %w",
		bridge.ErrLoggedOut, err)
}

// explainForbidden believes a 403 when a sound server repeats that the login
// does not belong to the channel.
func (c *client) explainForbidden(ctx context.Context, err error, chat bridge.ChatID) error {
	for look := range 2 {
		if look > 0 {
			if waitErr := wait(ctx, secondLook); waitErr != nil {
				return waitErr
			}
		}
		if sick := c.api.healthy(ctx); sick != nil {
			return shared(err)
		}
		if chat == "" {
			continue
		}
		memberErr := c.api.joined(ctx, string(chat))
		if memberErr == nil {
			return c.explainMember(ctx, err, chat)
		}
		switch statusOf(memberErr) {
		case http.StatusForbidden, http.StatusNotFound:
			// not a member
		case http.StatusUnauthorized:
			return c.explainUnauthorized(ctx, memberErr)
		default:
			return shared(err)
		}
	}
	if chat == "" {
		return classify(err)
	}
	return fmt.Errorf("%w: the bot is not in the channel: ask a channel admin to add it: %w", bridge.ErrForbidden, err)
}

// explainMember says why a member may not.
func (c *client) explainMember(ctx context.Context, err error, chat bridge.ChatID) error {
	ch, chErr := c.api.channel(ctx, string(chat))
	switch {
	case chErr != nil && statusOf(chErr) == 0:
		return shared(err)
	case chErr == nil && ch.DeleteAt > 0:
		return fmt.Errorf("%w: the channel is archived: restore it or unlink it: %w", bridge.ErrForbidden, err)
	}
	return fmt.Errorf("%w: the bot is a member but has no right to this: check the permissions of its role: %w", bridge.ErrForbidden, err)
}

// wait pauses until d has passed or ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
