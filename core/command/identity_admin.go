package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// IdentityStatus is a link between two accounts of a person, for administrators.
type IdentityStatus struct {
	Number  int64               `json:"number"`
	School  bridge.SchoolID     `json:"school"`
	Bridge  bridge.ID           `json:"bridge"`
	User    bridge.UserID       `json:"user"`
	Ref     string              `json:"ref"`  // the account's name on the network when it was asked for
	Name    string              `json:"name"` // what people see it as now; "" when that is not known
	MXID    id.UserID           `json:"mxid"`
	State   store.IdentityState `json:"state"`
	Changed time.Time           `json:"changed"`
}

// Identities lists what holds and what waits for approval.
func (o *Operator) Identities(ctx context.Context, c Caller) ([]IdentityStatus, error) {
	if err := o.allow(c); err != nil {
		return nil, err
	}
	all, err := o.opts.Store.Identities(ctx, store.IdentityProven, store.IdentityApproved)
	if err != nil {
		return nil, err
	}
	var out []IdentityStatus
	for _, i := range all {
		if !o.sees(c, i.School) {
			continue
		}
		s := IdentityStatus{
			Number: i.ID, School: i.School, Bridge: i.Bridge, User: i.User, Ref: i.Ref, MXID: i.MXID, State: i.State, Changed: i.Changed,
		}
		if i.State == store.IdentityProven { // who decides must know about whom
			s.Name = o.nameOf(ctx, i)
		}
		out = append(out, s)
	}
	return out, nil
}

func (o *Operator) nameOf(ctx context.Context, i store.Identity) string {
	for _, n := range o.opts.Bridges {
		if n.ID != i.Bridge || n.Client == nil {
			continue
		}
		if info, err := n.Client.User(ctx, i.User); err == nil {
			return info.Name
		}
	}
	return ""
}

// ApproveIdentity lets a proven link hold.
func (o *Operator) ApproveIdentity(ctx context.Context, c Caller, number int64) error {
	if err := o.puppets(); err != nil {
		return err
	}
	i, err := o.identity(ctx, c, number)
	if err != nil {
		return err
	}
	if i.State != store.IdentityProven {
		return refuse("Number %d is not waiting for approval: identities lists what is.", number)
	}
	if err := o.stillThere(ctx, c, i); err != nil {
		return err
	}
	err = o.opts.Accounts.CanActAs(ctx, i.MXID)
	switch {
	case errors.Is(err, bridge.ErrForbidden):
		return refuse("The homeserver does not let Steg write as this account: who runs this gateway sees with steg check what to do.")
	case err != nil:
		return fmt.Errorf("ask the homeserver about an account: %w", err)
	}
	return o.decide(ctx, c, number, "approved", func(i *store.Identity) error {
		if i.State != store.IdentityProven {
			return refuse("Number %d is not waiting for approval any more.", number)
		}
		i.State = store.IdentityApproved
		return nil
	})
}

// stillThere ends a link whose network account was closed meanwhile.
func (o *Operator) stillThere(ctx context.Context, c Caller, i store.Identity) error {
	for _, n := range o.opts.Bridges {
		if n.ID != i.Bridge || n.Client == nil {
			continue
		}
		info, err := n.Client.User(ctx, i.User)
		switch {
		case errors.Is(err, bridge.ErrNotFound), err == nil && info.Gone:
			if err := o.endIdentity(ctx, i.ID, c); err != nil {
				return err
			}
			return refuse("The account on %s was closed meanwhile: number %d has ended.", i.Bridge, i.ID)
		case err != nil:
			return fmt.Errorf("read a person on bridge %s: %w", i.Bridge, err)
		}
		return nil
	}
	return refuse("There is no bridge %s any more.", i.Bridge)
}

// RejectIdentity ends a link that waits.
func (o *Operator) RejectIdentity(ctx context.Context, c Caller, number int64) error {
	return o.decide(ctx, c, number, "rejected", func(i *store.Identity) error {
		if i.State != store.IdentityProven {
			return refuse("Number %d is not waiting for approval: identities lists what is.", number)
		}
		i.State = store.IdentityEnded
		return nil
	})
}

// RemoveIdentity ends a link that holds or waits.
func (o *Operator) RemoveIdentity(ctx context.Context, c Caller, number int64) error {
	return o.decide(ctx, c, number, "removed", func(i *store.Identity) error {
		if i.State != store.IdentityProven && i.State != store.IdentityApproved {
			return refuse("Number %d has ended already.", number)
		}
		i.State = store.IdentityEnded
		return nil
	})
}

// identity reads a link that the caller may decide about.
func (o *Operator) identity(ctx context.Context, c Caller, number int64) (store.Identity, error) {
	if err := o.allow(c); err != nil {
		return store.Identity{}, err
	}
	i, err := o.opts.Store.Identity(ctx, number)
	if errors.Is(err, store.ErrNoRow) || err == nil && !o.sees(c, i.School) {
		return i, refuse("There is no link with number %d: identities lists them.", number)
	}
	return i, err
}

// decide changes a link and notes who did.
func (o *Operator) decide(ctx context.Context, c Caller, number int64, what string, change func(*store.Identity) error) error {
	found, err := o.identity(ctx, c, number)
	if err != nil {
		return err
	}
	err = o.opts.Store.ChangeIdentity(ctx, number, func(i *store.Identity) error {
		if err := change(i); err != nil {
			return err
		}
		i.Code, i.By = "", c.name()
		return nil
	})
	if errors.Is(err, store.ErrExists) {
		return refuse("One of the two accounts has another link: find it with identities, and remove it first.")
	}
	if err == nil {
		o.audit(ctx, found.School, c, fmt.Sprintf("%s identity %d", what, number))
	}
	return err
}
