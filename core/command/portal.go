package command

import (
	"context"
	"fmt"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// Unlink ends the joining of a chat and a room. What waits is dropped by the
// policy "off"; the message map stays, so that linking again doubles nothing.
func (o *Operator) Unlink(ctx context.Context, c Caller, b bridge.ID, chat string) (store.Portal, error) {
	return o.change(ctx, c, b, chat, "unlinked portal %d", func(p *store.Portal) error {
		if p.Mode == store.ModeOff {
			return refuse("This chat is not linked now.")
		}
		if p.Origin == originConfig {
			return refuse("The configuration links this chat: remove it there, or set mode: off there.")
		}
		// A chat that a pattern found is an exception from it from now on.
		p.Mode, p.ModeFixed, p.Origin = store.ModeOff, false, originCommand
		return nil
	})
}

// SetMode changes what may cross a portal, and lets one go on that was paused. The
// mode that a portal has already may always be set, for the latter.
func (o *Operator) SetMode(ctx context.Context, c Caller, b bridge.ID, chat string, mode store.Mode) (store.Portal, error) {
	if err := checkMode(mode); err != nil {
		return store.Portal{}, err
	}
	return o.change(ctx, c, b, chat, "set portal %d to "+string(mode), func(p *store.Portal) error {
		if p.ModeFixed && mode != p.Mode {
			return refuse("The configuration fixes the mode of this chat to %s: change it there.", p.Mode)
		}
		if mode == store.ModeOff && p.Origin == originConfig {
			return refuse("The configuration links this chat: set mode: off there, so that it stays off.")
		}
		p.Mode, p.Paused = mode, ""
		return nil
	})
}

// change finds a portal by what people call it and changes it.
func (o *Operator) change(ctx context.Context, c Caller, b bridge.ID, chat, what string, f func(*store.Portal) error) (store.Portal, error) {
	if err := o.allow(c); err != nil {
		return store.Portal{}, err
	}
	found, err := o.find(ctx, c, b, chat)
	if err != nil {
		return store.Portal{}, err
	}
	var changed store.Portal
	err = o.opts.Store.UpdatePortal(ctx, found.ID, func(p *store.Portal) error {
		if err := f(p); err != nil {
			return err
		}
		changed = *p
		return nil
	})
	if err != nil {
		return store.Portal{}, err
	}
	o.audit(ctx, changed.School, c, fmt.Sprintf(what, changed.ID))
	return changed, nil
}

// find looks for a portal that the caller may see, by the chat's name or ID.
func (o *Operator) find(ctx context.Context, c Caller, b bridge.ID, chat string) (store.Portal, error) {
	portals, err := o.opts.Store.Portals(ctx)
	if err != nil {
		return store.Portal{}, err
	}
	var found []store.Portal
	for _, p := range portals {
		if p.Bridge == b && (p.Ref == chat || string(p.Chat) == chat) && o.sees(c, p.School) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return store.Portal{}, refuse("No linked chat goes by this name on %s: status lists them.", b)
	case 1:
		return found[0], nil
	}
	return store.Portal{}, refuse("Several chats on %s went by this name: write the chat's ID, %s or %s.", b, found[0].Chat, found[1].Chat)
}
