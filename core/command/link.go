package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// LinkRequest asks to join a chat to a room.
type LinkRequest struct {
	Bridge bridge.ID
	Chat   string          // the network's name for it
	School bridge.SchoolID // may be "" where the caller has only one
	Room   string          // an existing room, "#alias:server" or "!id"; "" = make one
	Mode   store.Mode      // "" = announce
	// Members are the Matrix users entitled in the room of a private chat, IDs or
	// patterns with one *. The school's admins always are.
	Members []string
}

// roomPower is the level that a person needs in a room to link it: a moderator's.
const roomPower = 50

// Who made a portal: a command, or the configuration by naming the chat. (A third
// word stands for a pattern of the configuration.)
const (
	originCommand = "command"
	originConfig  = "config"
)

// Link joins a chat to a room. The running process makes the room, if none is
// named, and follows the chat from now on. A chat that was unlinked is linked
// again, with its message map.
func (o *Operator) Link(ctx context.Context, c Caller, r LinkRequest) (store.Portal, error) {
	if err := o.allow(c); err != nil {
		return store.Portal{}, err
	}
	school, err := o.chooseSchool(c, r.School)
	if err != nil {
		return store.Portal{}, err
	}
	if r.Mode == "" {
		r.Mode = store.ModeAnnounce
	}
	if err := errors.Join(checkMode(r.Mode), checkMembers(r.Members)); err != nil {
		return store.Portal{}, err
	}
	if err := o.mayUse(ctx, c, school, r.Bridge); err != nil {
		return store.Portal{}, err
	}
	chat, err := o.resolve(ctx, r.Bridge, r.Chat)
	if err != nil {
		return store.Portal{}, err
	}
	room, err := o.room(ctx, c, r.Room)
	if err != nil {
		return store.Portal{}, err
	}
	p := store.Portal{
		School: school, Bridge: r.Bridge, Chat: chat.ID, Ref: chat.Ref, Slug: chat.Slug, Name: chat.Name, Topic: chat.Topic,
		Private: chat.Private, Space: chat.Space, Room: room, Mode: r.Mode, Origin: originCommand, Members: strings.Join(r.Members, " "),
	}
	err = o.opts.Store.InsertPortal(ctx, &p)
	if errors.Is(err, store.ErrExists) {
		p, err = o.relink(ctx, p)
	}
	switch {
	case errors.Is(err, store.ErrOtherSchool):
		return store.Portal{}, refuse("This room cannot be linked here: it is in use elsewhere. Choose another room, or leave --room out.")
	case err != nil:
		return store.Portal{}, err
	}
	o.audit(ctx, school, c, fmt.Sprintf("linked portal %d, mode %s", p.ID, p.Mode))
	return p, nil
}

// relink switches a portal on again that was unlinked.
func (o *Operator) relink(ctx context.Context, want store.Portal) (store.Portal, error) {
	old, err := o.opts.Store.PortalByChat(ctx, want.Bridge, want.Chat)
	if err != nil {
		return store.Portal{}, err
	}
	var linked store.Portal
	err = o.opts.Store.UpdatePortal(ctx, old.ID, func(p *store.Portal) error {
		switch {
		case p.School != want.School:
			// Which school it is remains that school's business.
			return refuse("This chat cannot be linked here: it is in use elsewhere. Who runs this gateway can tell more.")
		case p.Mode != store.ModeOff:
			return refuse("This chat is linked already, as portal %d with mode %s. Change that with: mode %s %s MODE", p.ID, p.Mode, p.Bridge, p.Ref)
		case p.ModeFixed:
			return refuse("The configuration switches this chat off: change its mode there.")
		}
		p.Ref, p.Slug, p.Name, p.Topic, p.Private = want.Ref, want.Slug, want.Name, want.Topic, want.Private
		p.Mode, p.Origin, p.Members, p.Paused, p.Space = want.Mode, want.Origin, want.Members, "", want.Space
		if want.Room != "" && want.Room != p.Room {
			p.Room, p.OwnRoom, p.Applied = want.Room, false, ""
		}
		linked = *p
		return nil
	})
	return linked, err
}

// mayUse refuses admins on networks that another school uses too: one bot account
// sees the chats of all of them.
func (o *Operator) mayUse(ctx context.Context, c Caller, school bridge.SchoolID, b bridge.ID) error {
	var known []bridge.ID
	for _, n := range o.opts.Bridges {
		known = append(known, n.ID)
	}
	if !slices.Contains(known, b) {
		return refuse("There is no bridge %s. Choose one of: %s.", b, list(known))
	}
	if c.local() || len(o.opts.Schools) < 2 {
		return nil
	}
	users, err := o.schoolsOn(ctx, b)
	if err != nil {
		return err
	}
	if len(users) == 1 && users[0] == school {
		return nil
	}
	return refuse("Several schools may use this network, so only who runs this gateway links its chats: in the configuration, or with steg link.")
}

// schoolsOn lists the schools that use a network: by the configuration, or because
// one of its chats is linked for them.
func (o *Operator) schoolsOn(ctx context.Context, b bridge.ID) ([]bridge.SchoolID, error) {
	users := map[bridge.SchoolID]bool{}
	for _, s := range o.opts.Schools {
		if slices.Contains(s.Bridges, b) {
			users[s.ID] = true
		}
	}
	portals, err := o.opts.Store.Portals(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range portals {
		if p.Bridge == b {
			users[p.School] = true
		}
	}
	return slices.Sorted(maps.Keys(users)), nil
}

// resolve finds the one chat that a name stands for.
func (o *Operator) resolve(ctx context.Context, b bridge.ID, chat string) (*bridge.ChatInfo, error) {
	if chat == "" || strings.Contains(chat, "*") {
		return nil, refuse("Name one chat. Patterns with * belong in the configuration.")
	}
	at := slices.IndexFunc(o.opts.Bridges, func(n Network) bool { return n.ID == b })
	resolver := o.opts.Bridges[at].Resolver
	if resolver == nil {
		return nil, refuse("This network cannot look up chats by name: link them in the configuration.")
	}
	found, err := resolver.Resolve(ctx, chat)
	switch {
	case errors.Is(err, bridge.ErrNotFound) || err == nil && len(found) == 0:
		return nil, refuse("No such chat was found on %s. Check its name; a private chat must have our account as a member.", b)
	case errors.Is(err, bridge.ErrForbidden):
		return nil, refuse("Our account on %s may not see this chat: make it a member there, then try again.", b)
	case errors.Is(err, bridge.ErrLoggedOut):
		return nil, refuse("Our account on %s is logged out: steg check says what to do.", b)
	case err != nil:
		return nil, fmt.Errorf("look up a chat on bridge %s: %w", b, err)
	case len(found) > 1:
		return nil, refuse("Several chats on %s go by this name: write it in full.", b)
	case found[0].Gone:
		return nil, refuse("This chat is archived or deleted on %s.", b)
	}
	return &found[0], nil
}

// room finds an existing room and asks for consent: the caller needs power in it.
// At the command line the operator is the consent.
func (o *Operator) room(ctx context.Context, c Caller, name string) (id.RoomID, error) {
	if name == "" {
		return "", nil
	}
	if o.opts.Rooms == nil {
		return "", refuse("Existing rooms cannot be linked here.")
	}
	room := id.RoomID(name)
	if strings.HasPrefix(name, "#") {
		found, err := o.opts.Rooms.ResolveAlias(ctx, id.RoomAlias(name))
		if errors.Is(err, bridge.ErrNotFound) {
			return "", refuse("There is no room with this alias.")
		}
		if err != nil {
			return "", fmt.Errorf("look up a room: %w", err)
		}
		room = found
	}
	if !strings.HasPrefix(string(room), "!") {
		return "", refuse("Write the room as #alias:server or as its ID, !…")
	}
	if c.local() {
		return room, nil
	}
	level, err := o.opts.Rooms.PowerLevel(ctx, room, c.User)
	switch {
	case errors.Is(err, bridge.ErrForbidden), errors.Is(err, bridge.ErrNotFound):
		return "", refuse("I am not in this room: invite me there first, then try again.")
	case err != nil:
		return "", fmt.Errorf("read power in a room: %w", err)
	case level < roomPower:
		return "", refuse("To link this room you need power level %d in it (moderator); you have %d.", roomPower, level)
	}
	return room, nil
}

// memberShape is a Matrix ID, or a pattern with a * before the colon.
var memberShape = regexp.MustCompile(`^@[!-9;-~]*:[^\s/@*]+$`)

func checkMembers(members []string) error {
	for _, m := range members {
		if !memberShape.MatchString(m) || strings.Count(m, "*") > 1 {
			return refuse("A member is written as a Matrix ID, @name:server, or as a pattern with one *, @*:server.")
		}
	}
	return nil
}

func checkMode(m store.Mode) error {
	switch m {
	case store.ModeOff, store.ModeAnnounce, store.ModeBoth, store.ModeInbox:
		return nil
	}
	return refuse("There is no mode %s. Choose announce (to Matrix only), both, inbox (from Matrix only) or off.", m)
}
