package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// Spaces: what holds chats together on a network, like a team, is a Matrix space, one
// for each school that has chats of it. It shows the rooms that we made for chats that
// are not private; that there are others it must not tell. Where not everybody on the
// network may enter, it is for those whom a school's admin invites, and the rooms are
// for those who are in it.

const (
	spaceEvery = 10 * time.Minute // how often a space is read when nobody says that it has changed
	spaceRetry = 5 * time.Second  // after a failure
)

// configured reports whether a portal's school and bridge are in the configuration.
// The rooms of others are left as they are: what is not there any more says nothing
// about who may join.
func (e *Engine) configured(school bridge.SchoolID, b bridge.ID) bool {
	_, ok := e.schools[school]
	return ok && e.logins[b] != nil
}

// gathers reports whether portals of a school on a bridge may stand in spaces.
func (e *Engine) gathers(p *store.Portal) bool {
	return e.configured(p.School, p.Bridge) && e.logins[p.Bridge].caps.Spaces && e.school(p.School).Spaces
}

// placed is how a place is noted at its portal, and formerSpace reads the space of it.
func placed(p intent.Place) string { return string(p.Rule) + " " + string(p.Space) }

func formerSpace(p *store.Portal) id.RoomID {
	_, space, _ := strings.Cut(p.Placed, " ")
	return id.RoomID(space)
}

// misplaced reports whether the room that we made for a portal stands elsewhere than
// it should, as far as that is known. It makes no requests and no garbage.
func (e *Engine) misplaced(p *store.Portal) bool {
	if !p.OwnRoom || p.Room == "" || !e.configured(p.School, p.Bridge) {
		return false
	}
	var want intent.Place
	switch {
	case !e.gathers(p) || p.Space == "" && e.askedForSpace(p):
		want = placeOf(p, nil)
	case p.Space == "":
		return e.logins[p.Bridge].current() == bridge.StateConnected
	default:
		sp := e.spaces.get(keyOfSpace(p))
		if sp == nil || sp.Room == "" {
			return e.logins[p.Bridge].current() == bridge.StateConnected && e.spaces.due(keyOfSpace(p), e.now())
		}
		want = placeOf(p, sp)
	}
	rule, space, ok := strings.Cut(p.Placed, " ")
	return !ok || rule != string(want.Rule) || space != string(want.Space)
}

func (e *Engine) askedForSpace(p *store.Portal) bool {
	e.spaces.mu.Lock()
	defer e.spaces.mu.Unlock()
	_, ok := e.spaces.asked[p.ID]
	return ok
}

// placeOf is where the room of a portal should stand; sp is nil for none.
func placeOf(p *store.Portal, sp *store.Space) intent.Place {
	place := intent.Place{Rule: intent.JoinAll}
	if sp != nil {
		place.Space = sp.Room
		if !sp.Open {
			place.Rule = intent.JoinSpace
		}
	}
	if p.Private {
		place.Rule = intent.JoinInvite
	}
	return place
}

// place finds out where the room of a portal should stand, and makes the Matrix space
// if there is none yet.
func (e *Engine) place(ctx context.Context, p *store.Portal) (intent.Place, error) {
	if !e.gathers(p) || p.Space == "" {
		return placeOf(p, nil), nil
	}
	sp, err := e.ensureSpace(ctx, keyOfSpace(p))
	if errors.Is(err, bridge.ErrNotFound) || errors.Is(err, bridge.ErrForbidden) {
		// Whether the chat is for everybody cannot be known: it is for nobody, yet.
		e.spaces.delay(keyOfSpace(p), e.now().Add(spaceEvery))
		return intent.Place{Rule: intent.JoinInvite}, nil
	}
	if err != nil {
		return intent.Place{}, err
	}
	return placeOf(p, sp), nil
}

// settlePlace puts the room that we made for a portal where it should stand.
func (e *Engine) settlePlace(ctx context.Context, p *store.Portal) error {
	if p.Space == "" && e.gathers(p) {
		if err := e.learnSpace(ctx, p); err != nil {
			return err
		}
		if p = e.portals.id(p.ID); p == nil {
			return nil
		}
	}
	place, err := e.place(ctx, p)
	if err != nil {
		e.spaces.delay(keyOfSpace(p), e.now().Add(spaceRetry))
		return err
	}
	place.Former = formerSpace(p)
	unlock := e.making.lock(p.ID)
	defer unlock()
	err = e.hs.SetPlace(ctx, p.Room, place)
	if err != nil && bridge.Classify(err) != bridge.ClassPermanent {
		return fmt.Errorf("place room: %w", err)
	}
	if cerr := e.change(ctx, p.ID, func(p *store.Portal) error { p.Placed = placed(place); return nil }); cerr != nil {
		return cerr
	}
	return err
}

// learnSpace asks a chat that was linked before for its space.
func (e *Engine) learnSpace(ctx context.Context, p *store.Portal) error {
	info, err := e.logins[p.Bridge].client.Chat(ctx, p.Chat)
	if err != nil && bridge.Classify(err) != bridge.ClassPermanent {
		return fmt.Errorf("read the chat's space: %w", err)
	}
	e.spaces.mu.Lock()
	e.spaces.asked[p.ID] = struct{}{}
	e.spaces.mu.Unlock()
	if err != nil || info.Space == "" {
		return nil //nolint:nilerr // one that cannot be read has none
	}
	return e.change(ctx, p.ID, func(p *store.Portal) error { p.Space = info.Space; return nil })
}

// ensureSpace returns a space with its room, and makes both if need be.
func (e *Engine) ensureSpace(ctx context.Context, key spaceKey) (*store.Space, error) {
	sp := e.spaces.get(key)
	if sp != nil && sp.Room != "" {
		return sp, nil
	}
	unlock := e.gathering.lock(key)
	defer unlock()
	var err error
	if sp = e.spaces.get(key); sp == nil {
		if sp, err = e.readSpace(ctx, key); err != nil {
			return nil, err
		}
	}
	if sp.Room != "" {
		return sp, nil
	}
	room, err := e.hs.CreateRoom(ctx, intent.Room{
		AliasLocal: spaceAlias(sp), Space: true, Name: policy.CleanName(sp.Name, sp.Slug), Topic: sp.Topic,
		Invite: e.school(sp.School).Admins, Levels: e.spaceLevels(sp), Place: spacePlace(sp),
	})
	if err != nil {
		return nil, fmt.Errorf("create space %d: %w", sp.ID, err)
	}
	return e.changeSpace(ctx, sp, func(sp *store.Space) { sp.Room = room })
}

// spaceAlias is a space's alias without what all our aliases begin with. No slug of a
// chat has a +. Schools that share a team each have a space of their own.
func spaceAlias(sp *store.Space) string {
	return slugKey(sp.Bridge, sp.Slug) + "+" + string(sp.School)
}

// spaceLevels let the school's admins invite people, and put rooms of their own beside
// ours. Who may do more could open the rooms of a closed space to all.
func (e *Engine) spaceLevels(sp *store.Space) intent.Levels {
	return intent.Levels{WriteLocked: true, Moderators: e.school(sp.School).Admins}
}

func spacePlace(sp *store.Space) intent.Place {
	if sp.Open {
		return intent.Place{Rule: intent.JoinAll}
	}
	return intent.Place{Rule: intent.JoinInvite}
}

// readSpace asks the network about a space and stores what it is now.
func (e *Engine) readSpace(ctx context.Context, key spaceKey) (*store.Space, error) {
	l, ok := e.logins[key.bridge]
	if !ok {
		return nil, bridge.ErrNotFound
	}
	spacer, ok := l.client.(bridge.Spacer)
	if !ok {
		return nil, bridge.ErrNotFound
	}
	began := e.spaces.begin(key, e.now())
	info, err := spacer.Space(ctx, key.space)
	if err != nil {
		return nil, fmt.Errorf("read space: %w", err)
	}
	sp := e.spaces.get(key)
	if sp == nil {
		sp = &store.Space{
			School: key.school, Bridge: key.bridge, Space: key.space,
			Slug: info.Slug, Name: info.Name, Topic: info.Topic, Open: info.Open,
		}
		err = e.st.InsertSpace(ctx, sp)
		if errors.Is(err, store.ErrExists) { // another process was faster
			return nil, &bridge.TemporaryError{Err: err}
		}
		e.spaces.put(sp)
	} else {
		sp, err = e.changeSpace(ctx, sp, func(sp *store.Space) { sp.Name, sp.Topic, sp.Open = info.Name, info.Topic, info.Open })
	}
	if err != nil {
		return nil, err
	}
	e.spaces.done(key, began)
	return sp, nil
}

// changeSpace changes a space in the database and in memory.
func (e *Engine) changeSpace(ctx context.Context, sp *store.Space, f func(*store.Space)) (*store.Space, error) {
	var now store.Space
	err := e.st.UpdateSpace(ctx, sp.ID, func(sp *store.Space) {
		f(sp)
		now = *sp
	})
	if err != nil {
		return nil, fmt.Errorf("update space %d: %w", sp.ID, err)
	}
	if now != *sp {
		e.spaces.put(&now)
	}
	return &now, nil
}
