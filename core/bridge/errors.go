package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// An error answers three questions: try again? when? who is told? The core asks
// [Classify]; whatever is none of the values below is unknown, and tried again
// until a cap, then parked as a dead letter. Error texts reach logs and the
// database: never put content, names, addresses or tokens in them.
var (
	// ErrUnsupported: the network cannot do this. Permanent for the message.
	ErrUnsupported = errors.New("not supported by the network")
	// ErrTooLarge: the message is over a limit of the network. Permanent.
	ErrTooLarge = errors.New("too large for the network")
	// ErrNotFound: the chat, person or message does not exist. Permanent.
	ErrNotFound = errors.New("not found")
	// ErrForbidden: the login may not do this. Permanent for the message.
	ErrForbidden = errors.New("forbidden")
	// ErrRejected: the receiver refuses this very message. Permanent.
	ErrRejected = errors.New("rejected")
	// ErrFile, beside one of the above: it is a file that cannot cross, and nothing
	// was sent. The core sends the message without its files and tells the sender.
	ErrFile = errors.New("the file cannot cross")
	// ErrLoggedOut: the login is dead until a human acts. Messages wait.
	ErrLoggedOut = errors.New("logged out")
)

// TemporaryError says: the same call may succeed later. Messages wait, in order.
type TemporaryError struct {
	Err   error
	After time.Duration // not before; 0 = the lane's own back-off
	// Shared says that the whole login is affected (server down, rate limit), not
	// just this chat: the login's breaker opens.
	Shared bool
	// Unsent says that the call certainly had no effect: no connection came about,
	// or a limit refused it. The next attempt then need not look first.
	Unsent bool
}

func (e *TemporaryError) Error() string { return fmt.Sprintf("temporary: %v", e.Err) }
func (e *TemporaryError) Unwrap() error { return e.Err }

// Class is what the core does about an error.
type Class int

// The classes of errors.
const (
	ClassUnknown   Class = iota // retry with a cap, then park
	ClassTemporary              // retry without a cap
	ClassPermanent              // park now, tell the sender
	ClassLoggedOut              // stop the login, wait for a human
)

// Classify tells what to do about err. A nil error has no class: do not ask.
func Classify(err error) Class {
	if _, ok := errors.AsType[*TemporaryError](err); ok {
		return ClassTemporary
	}
	switch {
	case errors.Is(err, ErrLoggedOut):
		return ClassLoggedOut
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ClassTemporary
	case errors.Is(err, ErrUnsupported), errors.Is(err, ErrTooLarge), errors.Is(err, ErrNotFound),
		errors.Is(err, ErrForbidden), errors.Is(err, ErrRejected):
		return ClassPermanent
	}
	return ClassUnknown
}
