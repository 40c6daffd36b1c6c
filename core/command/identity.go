package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// A person links an account on a network to their own Matrix account in three steps,
// so that no side can do it alone: the Matrix account asks, the network account gets a
// code in private, which the Matrix account repeats; then an administrator of the
// school agrees. Only that has an effect.

// Accounts is what identities ask the homeserver.
type Accounts interface {
	// Puppets tells whether Steg may write as people's own accounts at all.
	Puppets() bool
	// CanActAs asks whether it may for this one. [bridge.ErrForbidden] when not.
	CanActAs(ctx context.Context, user id.UserID) error
	// Ours tells whether a user is the bot or a ghost.
	Ours(user id.UserID) bool
}

// The limits of proving an account.
const (
	codeTime    = 15 * time.Minute
	codeTries   = 5
	codesAnHour = 5 // asked for by one person, and told to one account
)

// noPuppets says what the operator must do first.
const noPuppets = "Posts cannot appear as people's own accounts here. Who runs this gateway can allow it: " +
	"steg registration -double-puppets -write, then name the file under homeserver.double_puppets and in the homeserver's configuration, and restart both."

// puppets refuses while Steg may not act as people.
func (o *Operator) puppets() error {
	if o.opts.Accounts == nil || !o.opts.Accounts.Puppets() {
		return refuse(noPuppets)
	}
	return nil
}

// AskIdentity sends a code to the account that has a name on a network. The answer is
// the same whether there is such an account: names are not for guessing.
func (o *Operator) AskIdentity(ctx context.Context, c Caller, b bridge.ID, name string, school bridge.SchoolID) (string, error) {
	if err := o.puppets(); err != nil {
		return "", err
	}
	if c.local() || o.opts.Accounts.Ours(c.User) {
		return "", refuse("Only a person can ask for this, by writing to the bot.")
	}
	n, school, err := o.identityPlace(ctx, b, school)
	if err != nil {
		return "", err
	}
	if err := o.mayAsk(ctx, c, b, school); err != nil {
		return "", err
	}
	row := store.Identity{School: school, Bridge: b, MXID: c.User, Ref: shortRef(name), State: store.IdentityEnded, By: c.name()}
	answer := fmt.Sprintf("If %s is an account on %s, it has got a private message there with a code. Within %d minutes write here: identity %s CODE",
		row.Ref, n.title(), int(codeTime.Minutes()), b)
	info, err := n.find(ctx, name)
	if err != nil {
		return "", err
	}
	var code string
	if info != nil {
		told, err := o.opts.Store.IdentitiesAbout(ctx, b, info.ID)
		if err != nil {
			return "", err
		}
		if row.User = info.ID; o.lately(told) < codesAnHour {
			code = newCode()
			row.State, row.Code = store.IdentityAsked, hashCode(code)
		}
	}
	if err := o.opts.Store.AddIdentity(ctx, &row); err != nil || code == "" {
		return answer, err
	}
	switch err := n.confide(ctx, info.ID, o.confidence(school, c.User, b, code)); {
	case err == nil:
		o.audit(ctx, school, c, fmt.Sprintf("asked for identity %d", row.ID))
		return answer, nil
	case bridge.Classify(err) == bridge.ClassPermanent:
		return answer, o.endIdentity(ctx, row.ID, c)
	default:
		return "", errors.Join(fmt.Errorf("tell a code on bridge %s: %w", b, err), o.endIdentity(ctx, row.ID, c))
	}
}

// identityPlace finds the network and the school of a request.
func (o *Operator) identityPlace(ctx context.Context, b bridge.ID, school bridge.SchoolID) (Network, bridge.SchoolID, error) {
	at := slices.IndexFunc(o.opts.Bridges, func(n Network) bool { return n.ID == b })
	if at < 0 {
		return Network{}, "", refuse("I know no network called %s. Your school's administrators know its name.", b)
	}
	n := o.opts.Bridges[at]
	if !n.proves() {
		return n, "", refuse("On %s nobody can prove which account is theirs.", n.title())
	}
	users, err := o.schoolsOn(ctx, b)
	if err != nil {
		return n, "", err
	}
	switch {
	case school == "" && len(users) == 1:
		return n, users[0], nil
	case slices.Contains(users, school):
		return n, school, nil
	case school == "" && len(users) > 1: // they are not listed: that is for nobody to know
		return n, "", refuse("Several schools use %s: say which one is yours, with --school SCHOOL. Its administrators know what it is called here.", n.title())
	}
	return n, "", refuse("Your school does not use %s here.", n.title())
}

// mayAsk refuses those who have a link already, and those who ask too often.
func (o *Operator) mayAsk(ctx context.Context, c Caller, b bridge.ID, school bridge.SchoolID) error {
	mine, err := o.opts.Store.IdentitiesOf(ctx, c.User)
	if err != nil {
		return err
	}
	for _, i := range mine {
		switch {
		case i.Bridge != b || i.School != school:
		case i.State == store.IdentityApproved:
			return refuse("Your account is linked on %s already. To link another one, first write: identity remove %s", b, b)
		case i.State == store.IdentityProven:
			return refuse("Your account is proven on %s; your school's administrators have yet to approve it. To take it back, write: identity remove %s", b, b)
		}
	}
	if o.lately(mine) >= codesAnHour {
		return refuse("You have asked too often. Try again in an hour.")
	}
	return nil
}

// lately counts the requests of the last hour.
func (o *Operator) lately(all []store.Identity) int {
	n := 0
	for _, i := range all {
		if o.opts.Now().Sub(i.Made) < time.Hour {
			n++
		}
	}
	return n
}

// openRequest finds the request of a person on a network that waits for its code.
func (o *Operator) openRequest(ctx context.Context, c Caller, b bridge.ID) (store.Identity, bool, error) {
	mine, err := o.opts.Store.IdentitiesOf(ctx, c.User)
	for _, i := range slices.Backward(mine) {
		if i.Bridge == b && i.State == store.IdentityAsked {
			return i, true, err
		}
	}
	return store.Identity{}, false, err
}

// ProveIdentity takes the code that a network account was told.
func (o *Operator) ProveIdentity(ctx context.Context, c Caller, b bridge.ID, code string) (string, error) {
	open, ok, err := o.openRequest(ctx, c, b)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", refuse("No code is expected. Write identity %s NAME, with your name there, to get one.", b)
	}
	answer := ""
	err = o.opts.Store.ChangeIdentity(ctx, open.ID, func(i *store.Identity) error {
		i.By = c.name()
		switch {
		case i.State != store.IdentityAsked || o.opts.Now().Sub(i.Made) > codeTime:
			i.State, i.Code = store.IdentityEnded, ""
			answer = fmt.Sprintf("This code is too old. Write identity %s NAME to get another one.", b)
		case isCode(i.Code, code):
			i.State, i.Code = store.IdentityProven, ""
			answer = "That is it. Now your school's administrators must approve it; until then nothing changes."
		case i.Tries+1 >= codeTries:
			i.State, i.Code, i.Tries = store.IdentityEnded, "", i.Tries+1
			answer = fmt.Sprintf("That was not the code, for the last time. Write identity %s NAME to get another one.", b)
		default:
			i.Tries++
			answer = fmt.Sprintf("That is not the code. You have %d more tries.", codeTries-i.Tries)
		}
		open = *i
		return nil
	})
	if err != nil {
		return "", err
	}
	if open.State == store.IdentityProven {
		o.audit(ctx, open.School, c, fmt.Sprintf("proved identity %d", open.ID))
	}
	return answer, nil
}

// RemoveOwnIdentity ends what a person has, or has asked for, on a network.
func (o *Operator) RemoveOwnIdentity(ctx context.Context, c Caller, b bridge.ID) (string, error) {
	mine, err := o.opts.Store.IdentitiesOf(ctx, c.User)
	if err != nil {
		return "", err
	}
	ended := 0
	for _, i := range mine {
		if i.Bridge != b || i.State == store.IdentityEnded {
			continue
		}
		if err := o.endIdentity(ctx, i.ID, c); err != nil {
			return "", err
		}
		ended++
		if i.State != store.IdentityAsked {
			o.audit(ctx, i.School, c, fmt.Sprintf("removed identity %d", i.ID))
		}
	}
	if ended == 0 {
		return "", refuse("You have no link on %s.", b)
	}
	return fmt.Sprintf("Your accounts on %s and Matrix are linked no longer. What was written stays as it is.", b), nil
}

func (o *Operator) endIdentity(ctx context.Context, number int64, c Caller) error {
	return o.opts.Store.ChangeIdentity(ctx, number, func(i *store.Identity) error {
		i.State, i.Code, i.By = store.IdentityEnded, "", c.name()
		return nil
	})
}
