package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/steg-bridge/steg/core/bridge"
)

// Network is one configured bridge.
type Network struct {
	ID       bridge.ID
	Name     string // for people: "Mattermost"
	Resolver bridge.Resolver
	// Client is the network's account; nil = people are never looked up there.
	Client bridge.Client
}

func (n Network) title() string { return cmp.Or(n.Name, string(n.ID)) }

// proves tells whether people can prove there which account is theirs.
func (n Network) proves() bool {
	_, finds := n.Client.(bridge.PersonFinder)
	_, confides := n.Client.(bridge.Confider)
	return finds && confides
}

// find finds the person with a name; nil when nobody has it who could be linked.
func (n Network) find(ctx context.Context, name string) (*bridge.UserInfo, error) {
	finder, ok := n.Client.(bridge.PersonFinder)
	if !ok {
		return nil, nil
	}
	info, err := finder.FindPerson(ctx, name)
	switch {
	case errors.Is(err, bridge.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look up a person on bridge %s: %w", n.ID, err)
	case info.Bot, info.Gone:
		return nil, nil
	}
	return info, nil
}

func (n Network) confide(ctx context.Context, user bridge.UserID, text string) error {
	confider, ok := n.Client.(bridge.Confider)
	if !ok {
		return bridge.ErrUnsupported
	}
	return confider.Confide(ctx, user, text)
}
