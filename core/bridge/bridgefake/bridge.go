package bridgefake

import (
	"errors"
	"strings"

	"github.com/steg-bridge/steg/core/bridge"
)

// fake is the bridge to a [Network].
type fake struct{ net *Network }

// New makes the bridge to n. Logins need no setting up: any LoginID is an account
// that n knows, until [Network.Revoke].
func New(n *Network) bridge.Bridge { return &fake{net: n} }

func (b *fake) Capabilities() bridge.Capabilities {
	return bridge.Capabilities{MaxText: b.net.opts.MaxText, Markup: "fake", Threads: true, IDStable: true, SharedReactions: true, Puppets: b.net.opts.Puppets}
}

func (b *fake) Open(l bridge.Login) (bridge.Client, error) {
	if l.ID == "" {
		return nil, errors.New("login without id: give it one")
	}
	if strings.HasPrefix(string(l.ID), "puppet-") && l.Secret == "" {
		return nil, errNoSecret
	}
	c := &client{net: b.net, id: l.ID}
	if b.net.opts.Plain {
		return plain{Client: c, Follower: c}, nil
	}
	return c, nil
}

// plain hides the optional powers of a client but the one that gives cursors.
type plain struct {
	bridge.Client
	bridge.Follower
}

// client is one account. It keeps nothing that a restart would miss.
type client struct {
	net *Network
	id  bridge.LoginID
}

// classify turns what the network answered into the contract's errors. It is the
// only place that knows the answers.
func classify(err error) error {
	if err == nil {
		return nil
	}
	if s, ok := errors.AsType[*status](err); ok {
		switch {
		case s.code == codeUnauthorized:
			return bridge.ErrLoggedOut
		case s.code == codeForbidden:
			return bridge.ErrForbidden
		case s.code == codeNotFound:
			return bridge.ErrNotFound
		case s.code == codeTooLarge:
			return bridge.ErrTooLarge
		case s.code == codeRejected:
			return bridge.ErrRejected
		case s.code == codeRateLimited, s.code >= codeServer:
			return &bridge.TemporaryError{Err: err, After: s.after, Shared: true}
		}
		return err
	}
	if errors.Is(err, errBroken) {
		return &bridge.TemporaryError{Err: err, Shared: true}
	}
	return err // of the context: the core knows those
}
