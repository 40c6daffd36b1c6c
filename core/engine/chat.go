package engine

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// chatChanged follows a chat's name, topic and openness.
func (e *Engine) chatChanged(ctx context.Context, p *store.Portal, it store.Item, a queue.Attempt, ev *bridge.ChatChange) queue.Outcome {
	info := ev.Info
	if info.Gone {
		return e.chatGone(ctx, p, it, &bridge.ChatGone{Meta: ev.Meta, Reason: "the chat was archived"})
	}
	if info.Private {
		// From now on it is guarded: strangers in its room are not even told its new
		// name. That is not waited for, since what comes next may be that it is public.
		closed := *p
		closed.Private = true
		why, err := e.guard(ctx, &closed)
		if err != nil {
			return retry(err)
		}
		if why != "" {
			info.Name, info.Topic = p.Name, p.Topic
		}
	}
	if p.Room != "" && p.OwnRoom && (info.Name != p.Name || info.Topic != p.Topic) {
		if err := e.hs.SetRoomInfo(ctx, p.Room, policy.CleanName(info.Name, info.Ref), info.Topic); err != nil {
			return e.failed(ctx, it, a, err, nobodyToTell)
		}
	}
	err := e.change(ctx, p.ID, func(p *store.Portal) error {
		p.Name, p.Topic = info.Name, info.Topic
		if info.Ref != "" && p.Origin != originConfig { // the configuration's word stays
			p.Ref = info.Ref
		}
		// A chat that became private is guarded from the next message on, whatever its
		// room looks like by then.
		p.Private = info.Private
		if info.Space != "" {
			p.Space = info.Space
		}
		if strings.HasPrefix(p.Paused, gone) {
			p.Paused = ""
		}
		return nil
	})
	if err != nil {
		return retry(err)
	}
	return delivered(it)
}

// gone starts the reason of a pause that ends by itself when the chat is back.
const gone = "gone: "

// chatGone pauses the portal of a chat that nobody can write to any more.
func (e *Engine) chatGone(ctx context.Context, p *store.Portal, it store.Item, ev *bridge.ChatGone) queue.Outcome {
	why := fmt.Sprintf("%s%s; goes on by itself when it is back, or unlink it", gone, ev.Reason)
	if err := e.change(ctx, p.ID, func(p *store.Portal) error { p.Paused = why; return nil }); err != nil {
		return retry(err)
	}
	e.log.LogAttrs(ctx, slog.LevelWarn, "chat gone", slog.Int64("portal", p.ID), slog.String("bridge", string(p.Bridge)))
	return delivered(it)
}
