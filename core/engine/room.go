package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// ensureRoom returns the portal's room and makes it if there is none yet.
func (e *Engine) ensureRoom(ctx context.Context, p *store.Portal) (id.RoomID, error) {
	if p.Room != "" {
		return p.Room, nil
	}
	// Homeservers leave orphans behind when several createRoom calls with one
	// alias run at once.
	unlock := e.making.lock(p.ID)
	defer unlock()
	if now := e.portals.id(p.ID); now != nil && now.Room != "" {
		return now.Room, nil
	}
	applied := p.Mode // it may be switched meanwhile
	place, err := e.place(ctx, p)
	if err != nil {
		return "", fmt.Errorf("space of portal %d: %w", p.ID, err)
	}
	spec := e.roomSpec(p)
	spec.Place = place
	room, err := e.hs.CreateRoom(ctx, spec)
	if err != nil {
		return "", fmt.Errorf("create room of portal %d: %w", p.ID, err)
	}
	err = e.change(ctx, p.ID, func(p *store.Portal) error {
		p.Room, p.OwnRoom, p.Applied, p.Placed = room, true, applied, placed(place)
		return nil
	})
	return room, err
}

func (e *Engine) roomSpec(p *store.Portal) intent.Room {
	name := policy.CleanName(p.Name, p.Ref)
	spec := intent.Room{
		AliasLocal: aliasLocal(p), Name: name, Topic: p.Topic, Private: p.Private,
		Levels: e.levels(p), Bridge: e.bridgeInfo(p),
	}
	spec.Direct = p.Direct()
	if p.Private {
		spec.Invite = append(spec.Invite, e.moderators(p)...)
		for m := range strings.FieldsSeq(p.Members) {
			if !strings.Contains(m, "*") && !slices.Contains(spec.Invite, id.UserID(m)) {
				spec.Invite = append(spec.Invite, id.UserID(m))
			}
		}
	}
	return spec
}

// aliasLocal is a portal's alias without what all our aliases begin with. It
// never changes: it is the idempotency key of the room.
func aliasLocal(p *store.Portal) string { return slugKey(p.Bridge, p.Slug) }

func (e *Engine) bridgeInfo(p *store.Portal) intent.BridgeInfo {
	info := intent.BridgeInfo{
		StateKey: fmt.Sprintf("org.steg-bridge.%s.%d", p.Bridge, p.ID),
		Network:  string(p.Bridge), Channel: string(p.Chat), ChannelName: policy.CleanName(p.Name, p.Ref),
	}
	if l, ok := e.logins[p.Bridge]; ok {
		info.Protocol, info.ProtocolTxt = l.spec.Kind, l.spec.Name
	}
	return info
}

// levels are the power levels that a portal's mode asks for.
func (e *Engine) levels(p *store.Portal) intent.Levels {
	return intent.Levels{WriteLocked: policy.WriteLocked(p.Mode), Moderators: e.moderators(p)}
}

// letSpeak gives a ghost the level to write in a write-locked room. In a hub room
// that another portal opens to all this is not needed, and harmless.
func (e *Engine) letSpeak(ctx context.Context, p *store.Portal, room id.RoomID, ghost id.UserID) error {
	if !e.locked(room, p) {
		return nil
	}
	unlock := e.making.lock(p.ID)
	defer unlock()
	return e.hs.UpdateLevels(ctx, room, intent.Levels{WriteLocked: true, Speakers: []id.UserID{ghost}, Keep: true})
}

// locked reports whether nobody in a room may write to any of its portals.
func (e *Engine) locked(room id.RoomID, p *store.Portal) bool {
	linked := e.portals.room(room)
	if len(linked) == 0 {
		return policy.WriteLocked(p.Mode)
	}
	return !slices.ContainsFunc(linked, func(p *store.Portal) bool { return !policy.WriteLocked(p.Mode) })
}

// applyMode makes a changed mode visible in the room.
func (e *Engine) applyMode(ctx context.Context, p *store.Portal) error {
	unlock := e.making.lock(p.ID)
	defer unlock()
	l := intent.Levels{WriteLocked: e.locked(p.Room, p)}
	if p.OwnRoom { // others have their own moderators
		l.Moderators = e.moderators(p)
	}
	if l.WriteLocked {
		// Not all ghosts of the room, which may be thousands: the rest gets the level
		// with its first message.
		l.Speakers = e.ghosts.joinedIn(p.Room)
	}
	if err := e.hs.UpdateLevels(ctx, p.Room, l); err != nil {
		return fmt.Errorf("set power levels: %w", err)
	}
	return nil
}

// encryptedRoom is why nothing crosses into a linked room that is encrypted.
const encryptedRoom = "the linked room is encrypted, and Steg cannot read what people write there: link a room that is not"

// linkRoom makes the bot a member of an existing room that was named for a
// portal, and marks it. An encrypted room pauses the portal.
func (e *Engine) linkRoom(ctx context.Context, p *store.Portal) error {
	if _, err := e.hs.Join(ctx, string(p.Room)); err != nil {
		return fmt.Errorf("join the linked room (invite %s into it): %w", e.hs.Bot(), err)
	}
	encrypted, err := e.hs.Encrypted(ctx, p.Room)
	if err != nil {
		return fmt.Errorf("look whether the linked room is encrypted: %w", err)
	}
	if encrypted {
		return e.change(ctx, p.ID, func(p *store.Portal) error { p.Paused = encryptedRoom; return nil })
	}
	if err := e.hs.SetBridgeInfo(ctx, p.Room, e.bridgeInfo(p)); err != nil && bridge.Classify(err) != bridge.ClassPermanent {
		return fmt.Errorf("mark the linked room: %w", err)
	}
	return nil
}
