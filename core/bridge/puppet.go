package bridge

import (
	"context"
	"io"
)

// Puppet is an account on the network that stands for one Matrix person, so that
// people there can address, mention and see that person.
type Puppet struct {
	User UserID
	// Login opens the client that speaks as it.
	Login Login
}

// Persona is what a puppet looks like.
type Persona struct {
	Author
	// AvatarKey changes when the picture does; "" means no picture.
	AvatarKey string
	// OpenAvatar streams the picture; the caller closes it. nil leaves the picture
	// as it is.
	OpenAvatar func(ctx context.Context) (body io.ReadCloser, size int64, err error)
}

// Puppeteer makes puppets. Only the client of the bridge's own login is asked, and
// only when [Capabilities.Puppets] says so.
type Puppeteer interface {
	// Puppet makes the account of who, or makes it look like who. It is idempotent by
	// who.ID: a repeat finds what an earlier call has made. old is what one returned,
	// nil when none did; without a Secret in its Login a new one is made.
	Puppet(ctx context.Context, who Persona, old *Puppet) (*Puppet, error)
	// Admit makes a puppet a member of a chat that the login is in. A puppet that is
	// one already stays. A permanent error says why it cannot be one.
	Admit(ctx context.Context, chat ChatID, puppet UserID) error
	// Admitted reports whether a puppet is a member of a chat now.
	Admitted(ctx context.Context, chat ChatID, puppet UserID) (bool, error)
	// Dismiss takes a puppet out of a chat. One that is not in it succeeds.
	Dismiss(ctx context.Context, chat ChatID, puppet UserID) error
}

// Finder looks for what Send may have delivered through another account, so that
// nobody sends it again.
type Finder interface {
	// Find reports whether a message with m's key is in the chat, as far back as
	// m.Since. by is the puppet that may have sent it, "" the login itself.
	Find(ctx context.Context, m *Outgoing, by UserID) (r Receipt, found bool, err error)
}
