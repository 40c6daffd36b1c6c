package bridge

import "context"

// Members is a hint that people have come into a chat or have left it: the core
// then compares the chat's list ([MemberLister]) with the room. A bridge need not
// hint at every change; the core also looks by itself.
type Members struct {
	Meta
	// Joined are those who have come anew: that a moderator on Matrix has removed
	// their ghosts does not keep them out any longer.
	Joined []UserID `json:"joined,omitempty"`
}

func (*Members) sealed() {}

var _ Event = (*Members)(nil)

// MemberLister lists everybody in a chat. The list is the truth: who is not on it
// leaves the room. So it is complete, or an error.
type MemberLister interface {
	// Members reads the list. known is the [MemberList.Sign] of an earlier one, ""
	// for none: if the network can tell at little cost that the list is still the
	// same, that is all the answer.
	Members(ctx context.Context, chat ChatID, known string) (*MemberList, error)
}

// MemberList is who is in a chat.
type MemberList struct {
	// People are all who may write, in no order: the login itself and other
	// programs too, but nobody whose account was closed. Name may be "" when it
	// would have to be asked for.
	People []UserInfo
	// Sign changes when the list may have; "" when the network tells nothing cheaply.
	Sign string
	// Same says that nothing has changed since known; People is empty.
	Same bool
}
