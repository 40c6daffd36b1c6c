package bridge

import "context"

// With these two powers a person can prove that an account on the network is theirs:
// the core tells that account a secret, which the person repeats elsewhere.

// Confider tells one person something that nobody else can read.
type Confider interface {
	// Confide sends plain text to a person in private, from the login's account. It
	// is shown as it is: nothing in it is markup, or alarms anybody. A repeat is a
	// second message. [ErrNotFound] when there is no such person, [ErrForbidden] when
	// the network lets the login write to them in no way.
	Confide(ctx context.Context, user UserID, text string) error
}

// PersonFinder finds a person by the name that is theirs alone on the network.
type PersonFinder interface {
	// FindPerson takes the name as people write it to mention somebody, or without
	// the sign before it. [ErrNotFound] when nobody has it, and for the login itself.
	FindPerson(ctx context.Context, name string) (*UserInfo, error)
}
