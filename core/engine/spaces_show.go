package engine

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// keepSpaces reads the spaces that may have changed, and makes all spaces show what
// they should.
func (e *Engine) keepSpaces(ctx context.Context, trouble map[string]time.Time) {
	e.readSpaces(ctx, trouble)
	changes := e.portals.changed()
	e.spaces.mu.Lock()
	same := e.spaces.shown == changes
	e.spaces.shown = changes // whoever changes a space from now on takes this back
	e.spaces.mu.Unlock()
	if same {
		return
	}
	for key, rooms := range e.children() {
		if ctx.Err() != nil {
			return
		}
		if !e.configured(key.school, key.bridge) {
			continue
		}
		if until := e.spaces.notBefore(key); e.now().Before(until) {
			e.spaces.again(key, until)
			continue
		}
		if err := e.showSpace(ctx, key, rooms); err != nil && ctx.Err() == nil {
			e.complain(ctx, trouble, "space not ready", 0, err)
			e.spaces.again(key, e.now().Add(spaceRetry))
		}
	}
}

// readSpaces reads the spaces that it is time for.
func (e *Engine) readSpaces(ctx context.Context, trouble map[string]time.Time) {
	for _, key := range e.spaces.known() {
		l, ok := e.logins[key.bridge]
		if !ok || l.current() != bridge.StateConnected || !e.spaces.due(key, e.now()) || ctx.Err() != nil {
			continue
		}
		if _, err := e.readSpace(ctx, key); err != nil && ctx.Err() == nil {
			e.complain(ctx, trouble, "space not read", 0, err)
			e.spaces.delay(key, e.now().Add(spaceRetry))
		}
	}
}

// children lists the rooms that each space should show: those that we made for chats
// that anybody in the space may read, as long as something crosses there.
func (e *Engine) children() map[spaceKey][]id.RoomID {
	out := map[spaceKey][]id.RoomID{}
	for _, key := range e.spaces.known() {
		out[key] = nil
	}
	for _, p := range e.portals.all() {
		key := keyOfSpace(p)
		if _, ok := out[key]; !ok || !e.gathers(p) {
			continue
		}
		if p.OwnRoom && p.Room != "" && !p.Private && p.Mode != store.ModeOff && !strings.HasPrefix(p.Paused, gone) {
			out[key] = append(out[key], p.Room)
		}
	}
	return out
}

// showSpace makes a space show its name, topic and rooms, and lets in who may enter.
func (e *Engine) showSpace(ctx context.Context, key spaceKey, rooms []id.RoomID) error {
	sp := e.spaces.get(key)
	if sp == nil || sp.Room == "" {
		return nil // it is made with its first room
	}
	unlock := e.gathering.lock(key)
	defer unlock()
	sp = e.spaces.get(key)
	slices.Sort(rooms)
	levels := e.spaceLevels(sp)
	sum, err := sumOf(sp.Name, sp.Topic, sp.Open, rooms, levels)
	if err != nil || sum == sp.Applied {
		return err
	}
	if err := e.hs.SetRoomInfo(ctx, sp.Room, policy.CleanName(sp.Name, sp.Slug), sp.Topic); err != nil {
		return fmt.Errorf("name space %d: %w", sp.ID, err)
	}
	if err := e.hs.UpdateLevels(ctx, sp.Room, levels); err != nil {
		return fmt.Errorf("set power levels of space %d: %w", sp.ID, err)
	}
	if err := e.hs.SetPlace(ctx, sp.Room, spacePlace(sp)); err != nil {
		return fmt.Errorf("open or close space %d: %w", sp.ID, err)
	}
	if err := e.hs.SetChildren(ctx, sp.Room, rooms); err != nil {
		return fmt.Errorf("show the rooms of space %d: %w", sp.ID, err)
	}
	_, err = e.changeSpace(ctx, sp, func(sp *store.Space) { sp.Applied = sum })
	return err
}

// sumOf tells one state from another.
func sumOf(state ...any) (string, error) {
	text, err := json.Marshal(state)
	if err != nil {
		return "", fmt.Errorf("sum up: %w", err)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:12]), nil
}
