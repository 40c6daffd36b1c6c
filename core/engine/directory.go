package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/store"
)

// The fields of third-party look-ups.
const (
	fieldNetwork = "network" // the bridge's ID
	fieldChat    = "chat"    // the operator's name of the chat
	fieldUser    = "user"    // the network's ID of the person
)

// Protocols lists the kinds of configured bridges for the homeserver's directory.
func (e *Engine) Protocols() []intent.Protocol {
	byKind := map[string]*intent.Protocol{}
	var kinds []string
	for _, l := range e.logins {
		p, ok := byKind[l.spec.Kind]
		if !ok {
			p = &intent.Protocol{
				ID: l.spec.Kind, Name: l.spec.Name,
				UserFields: []string{fieldNetwork, fieldUser}, LocationFields: []string{fieldNetwork, fieldChat},
			}
			byKind[l.spec.Kind] = p
			kinds = append(kinds, l.spec.Kind)
		}
		p.Networks = append(p.Networks, intent.Network{
			ID: string(l.spec.ID), Name: string(l.spec.ID), Set: map[string]string{fieldNetwork: string(l.spec.ID)},
		})
	}
	slices.Sort(kinds)
	out := make([]intent.Protocol, 0, len(kinds))
	for _, k := range kinds {
		slices.SortFunc(byKind[k].Networks, func(a, b intent.Network) int { return cmp.Compare(a.ID, b.ID) })
		out = append(out, *byKind[k])
	}
	return out
}

// Locations finds linked chats. Private ones are not told to anybody.
func (e *Engine) Locations(_ context.Context, protocol string, fields map[string]string) ([]intent.Location, error) {
	var out []intent.Location
	for _, p := range e.portals.all() {
		l, ok := e.logins[p.Bridge]
		if !ok || l.spec.Kind != protocol || !listed(p) {
			continue
		}
		if want := fields[fieldNetwork]; want != "" && want != string(p.Bridge) {
			continue
		}
		if want := fields[fieldChat]; want != "" && want != p.Ref {
			continue
		}
		out = append(out, e.location(p, protocol))
	}
	slices.SortFunc(out, func(a, b intent.Location) int { return cmp.Compare(a.Alias, b.Alias) })
	return out, nil
}

// LocationOf finds the chat behind an alias of ours.
func (e *Engine) LocationOf(_ context.Context, alias id.RoomAlias) ([]intent.Location, error) {
	key, ok := e.hs.ParseAlias(alias)
	if !ok {
		return nil, nil
	}
	p := e.portals.slug(key)
	if p == nil || !listed(p) {
		return nil, nil
	}
	l, ok := e.logins[p.Bridge]
	if !ok {
		return nil, nil
	}
	return []intent.Location{e.location(p, l.spec.Kind)}, nil
}

func listed(p *store.Portal) bool {
	return !p.Private && p.Mode != store.ModeOff && (p.OwnRoom || p.Room == "")
}

func (e *Engine) location(p *store.Portal, protocol string) intent.Location {
	return intent.Location{
		Alias: e.hs.AliasFor(aliasLocal(p)), Protocol: protocol,
		Fields: map[string]string{fieldNetwork: string(p.Bridge), fieldChat: p.Ref},
	}
}

// People finds nobody by name: people are not told about beyond their rooms.
func (e *Engine) People(context.Context, string, map[string]string) ([]intent.Person, error) {
	return nil, nil
}

// PersonOf tells which network a ghost belongs to.
func (e *Engine) PersonOf(ctx context.Context, user id.UserID) ([]intent.Person, error) {
	g, err := e.st.GhostByMXID(ctx, user)
	if errors.Is(err, store.ErrNoRow) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l, ok := e.logins[g.Bridge]
	if !ok {
		return nil, nil
	}
	return []intent.Person{{
		User: user, Protocol: l.spec.Kind, Fields: map[string]string{fieldNetwork: string(g.Bridge), fieldUser: string(g.User)},
	}}, nil
}
