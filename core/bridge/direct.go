package bridge

import "context"

// Direct is a chat of few people, outside the chats that an operator links.
type Direct struct {
	Chat ChatID
	// People are all in it but the account that tells of it.
	People []UserID
	// From is the position before the first message.
	From Cursor
}

// DirectOpener begins direct chats. Only a puppet's client is asked.
type DirectOpener interface {
	// OpenDirect returns the chat of the account with these people, which is made when
	// there is none.
	OpenDirect(ctx context.Context, people []UserID) (Direct, error)
}
