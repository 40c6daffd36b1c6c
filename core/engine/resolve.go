package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// unresolved reports whether the configuration names a chat that has no portal.
func (e *Engine) unresolved() bool {
	have := map[bridge.ID]map[string]bool{}
	for _, p := range e.portals.all() {
		if have[p.Bridge] == nil {
			have[p.Bridge] = map[string]bool{}
		}
		have[p.Bridge][p.Ref] = true
	}
	for _, s := range e.opts.Schools {
		for _, spec := range s.Portals {
			if !strings.Contains(spec.Chat, "*") && !have[spec.Bridge][spec.Chat] {
				return true
			}
		}
	}
	return false
}

// resolveAll makes portals of what the configuration names. A plain name comes
// before a pattern that matches it too.
func (e *Engine) resolveAll(ctx context.Context, trouble map[string]time.Time) {
	named := map[bridge.ID]map[bridge.ChatID]struct{}{}
	broken := map[bridge.ID]bool{}
	for _, wild := range []bool{false, true} {
		for i := range e.opts.Schools {
			s := &e.opts.Schools[i]
			for _, spec := range s.Portals {
				if strings.Contains(spec.Chat, "*") != wild || ctx.Err() != nil {
					continue
				}
				chats, err := e.resolvePortal(ctx, s, spec)
				if named[spec.Bridge] == nil {
					named[spec.Bridge] = map[bridge.ChatID]struct{}{}
				}
				for _, c := range chats {
					named[spec.Bridge][c.ID] = struct{}{}
				}
				if err != nil && ctx.Err() == nil {
					broken[spec.Bridge] = true
					e.complain(ctx, trouble, "portal of the configuration not found", 0, err)
				}
			}
		}
	}
	if err := e.applyDirects(ctx); err != nil && ctx.Err() == nil {
		e.complain(ctx, trouble, "direct chats not switched", 0, err)
	}
	for b := range e.logins {
		if broken[b] || ctx.Err() != nil {
			continue
		}
		if err := e.dropUnnamed(ctx, b, named[b]); err != nil {
			e.complain(ctx, trouble, "portal not switched off", 0, err)
		}
	}
	if err := e.reload(ctx); err != nil && ctx.Err() == nil {
		e.complain(ctx, trouble, "portals not read", 0, err)
	}
}

// dropUnnamed switches off the portals that the configuration has lost.
func (e *Engine) dropUnnamed(ctx context.Context, b bridge.ID, named map[bridge.ChatID]struct{}) error {
	for _, p := range e.portals.all() {
		if _, ok := named[p.Chat]; ok || p.Bridge != b || p.Mode == store.ModeOff || p.Origin == originCommand || p.Direct() {
			continue
		}
		if p.Origin == originPattern && strings.HasPrefix(p.Paused, gone) {
			continue // a pattern lists no archived chats; this one may come back
		}
		err := e.st.UpdatePortal(ctx, p.ID, func(p *store.Portal) error {
			p.Mode, p.ModeFixed = store.ModeOff, false
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) resolvePortal(ctx context.Context, s *School, spec PortalSpec) ([]bridge.ChatInfo, error) {
	l, ok := e.logins[spec.Bridge]
	if !ok {
		return nil, fmt.Errorf("school %s names bridge %s, which is not configured", s.ID, spec.Bridge)
	}
	r, ok := l.client.(bridge.Resolver)
	if !ok {
		return nil, fmt.Errorf("bridge %s cannot look up chats by name", spec.Bridge)
	}
	chats, err := r.Resolve(ctx, spec.Chat)
	if err != nil {
		return nil, fmt.Errorf("look up a chat of school %s on bridge %s: %w", s.ID, spec.Bridge, err)
	}
	for _, info := range chats {
		if err := e.specified(ctx, s, spec, info); err != nil {
			return chats, err
		}
	}
	return chats, nil
}

// specified makes or updates the portal of one chat that the configuration names.
func (e *Engine) specified(ctx context.Context, s *School, spec PortalSpec, info bridge.ChatInfo) error {
	wild := strings.Contains(spec.Chat, "*")
	room := id.RoomID(spec.Room)
	if strings.HasPrefix(spec.Room, "#") {
		found, err := e.hs.ResolveAlias(ctx, id.RoomAlias(spec.Room))
		if err != nil {
			return fmt.Errorf("look up the room of a portal of school %s: %w", s.ID, err)
		}
		room = found
	}
	want := func(p *store.Portal) {
		p.Members = strings.Join(spec.Members, " ")
		if spec.Mode != "" {
			p.Mode, p.ModeFixed = spec.Mode, true
		} else {
			p.ModeFixed = false
		}
		if room != "" && p.Room != room {
			p.Room, p.OwnRoom, p.Applied = room, false, ""
			if !strings.HasPrefix(p.Paused, gone) {
				p.Paused = "" // what stopped it was about the other room
			}
		}
		if info.Space != "" {
			p.Space = info.Space
		}
	}
	old := e.portals.chat(spec.Bridge, info.ID)
	if old != nil && room != "" && old.Room != room {
		before, err := e.formerRoom(ctx, old)
		if err != nil {
			return err
		}
		if slices.Contains(before.All, room) {
			room = "" // the configuration names a room that was upgraded since
		}
	}
	if old == nil {
		p := &store.Portal{
			School: s.ID, Bridge: spec.Bridge, Chat: info.ID, Ref: info.Ref, Slug: info.Slug, Name: info.Name,
			Topic: info.Topic, Private: info.Private, Space: info.Space, Mode: store.ModeAnnounce, Origin: originConfig,
		}
		if wild {
			p.Origin = originPattern
		}
		want(p)
		err := e.st.InsertPortal(ctx, p)
		if errors.Is(err, store.ErrExists) {
			return nil
		}
		return err
	}
	if old.School != s.ID {
		return fmt.Errorf("a chat that school %s names on bridge %s is linked by another school", s.ID, spec.Bridge)
	}
	if wild && old.Origin != originPattern {
		return nil // named by itself, too
	}
	changed := *old
	want(&changed)
	if old.Mode == store.ModeOff && !changed.ModeFixed && (old.Origin == originPattern || !wild && old.Origin == originConfig) {
		changed.Mode = store.ModeAnnounce // it was off because the configuration had lost it
	}
	if !wild {
		changed.Ref, changed.Origin = spec.Chat, originConfig
	}
	if changed == *old {
		return nil
	}
	return e.change(ctx, old.ID, func(p *store.Portal) error {
		*p = merge(*p, changed)
		return nil
	})
}

// merge takes from changed what the configuration decides, and leaves the rest.
func merge(p, changed store.Portal) store.Portal {
	p.Members, p.Mode, p.ModeFixed, p.Ref, p.Origin = changed.Members, changed.Mode, changed.ModeFixed, changed.Ref, changed.Origin
	if p.Room != changed.Room {
		p.Paused = changed.Paused
	}
	p.Room, p.OwnRoom, p.Applied, p.Space = changed.Room, changed.OwnRoom, changed.Applied, changed.Space
	return p
}
