package engine

import (
	"cmp"
	"context"
	"errors"
	"regexp"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// mxidPattern finds what may be user IDs in text and in the links of pills
// (matrix.to and matrix: URIs, percent-encoded or not).
var mxidPattern = regexp.MustCompile(`(?:@|%40)[a-zA-Z0-9._=/+%-]+(?::|%3[aA])[a-zA-Z0-9.:\[\]-]+`)

// maxPeople bounds how many people of one message are looked up.
const maxPeople = 50

// peopleIn resolves the user IDs that a content names.
func (e *Engine) peopleIn(ctx context.Context, p *store.Portal, l *login, c *event.MessageEventContent) (map[id.UserID]bridge.Person, error) {
	var out map[id.UserID]bridge.Person
	add := func(user id.UserID) error {
		if _, done := out[user]; done || len(out) >= maxPeople {
			return nil
		}
		person, ok, err := e.resolve(ctx, p, l, user)
		if err != nil || !ok {
			return err
		}
		if out == nil {
			out = map[id.UserID]bridge.Person{}
		}
		out[user] = person
		return nil
	}
	if c.Mentions != nil {
		for _, u := range c.Mentions.UserIDs {
			if err := add(u); err != nil {
				return nil, err
			}
		}
	}
	for _, text := range []string{c.FormattedBody, c.Body} {
		for _, found := range mxidPattern.FindAllString(text, maxPeople) {
			if err := add(id.UserID(unescapeMXID(found))); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// resolve tells how a user ID reads on the portal's network.
func (e *Engine) resolve(ctx context.Context, p *store.Portal, l *login, user id.UserID) (bridge.Person, bool, error) {
	if e.hs.Ours(user) {
		g, err := e.st.GhostByMXID(ctx, user)
		if errors.Is(err, store.ErrNoRow) {
			return bridge.Person{}, false, nil
		}
		if err != nil {
			return bridge.Person{}, false, err
		}
		person := bridge.Person{Name: g.Name}
		if g.Bridge == l.spec.ID && g.School == p.School {
			person.User = g.User
		}
		return person, true, nil
	}
	if who, ok := e.identities.person(ownKey{p.School, p.Bridge, user}); ok && e.hs.Puppets() {
		g, err := e.ghosts.known(ctx, e.st, p.School, p.Bridge, who)
		if err != nil && !errors.Is(err, store.ErrNoRow) {
			return bridge.Person{}, false, err
		}
		m, _ := e.members.get(p.Room, user)
		return bridge.Person{User: who, Name: cmp.Or(g.Name, policy.CleanName(m.Name, user.Localpart()))}, true, nil
	}
	if m, ok := e.members.get(p.Room, user); ok {
		person := bridge.Person{Name: policy.CleanName(m.Name, user.Localpart())}
		if row, err := e.puppet(ctx, e.logins[p.Bridge], user); err == nil {
			person.User = row.User
		} else if !errors.Is(err, store.ErrNoRow) {
			return person, false, err
		}
		return person, true, nil
	}
	return bridge.Person{}, false, nil
}

var (
	encodedAt    = regexp.MustCompile(`^%40`)
	encodedColon = regexp.MustCompile(`%3[aA]`)
)

func unescapeMXID(s string) string {
	return encodedColon.ReplaceAllString(encodedAt.ReplaceAllString(s, "@"), ":")
}
