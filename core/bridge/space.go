package bridge

import "context"

// SpaceID is the network's immutable ID of a space, unique within a bridge.
type SpaceID string

// SpaceInfo is what a network tells about a space: what holds chats together, like
// a team or a server.
type SpaceInfo struct {
	ID    SpaceID
	Name  string // as people see it
	Topic string
	Slug  string // for the space's alias: lower case [a-z0-9._-], at most 64 bytes
	// Open says that every account of the network may enter the space, and with it
	// read its chats that are not private. In any other, somebody must let them in.
	Open bool
}

// Spacer reads the spaces that [ChatInfo.Space] names. The core reads one when it
// hears of it first, from time to time, and after [Sink.SpaceChanged].
type Spacer interface {
	// Space reads a space. [ErrNotFound] when it does not exist for this login.
	Space(ctx context.Context, id SpaceID) (*SpaceInfo, error)
}
