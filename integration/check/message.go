package check

import "time"

// Side is one of the two sides of a bridge.
type Side int

// The sides.
const (
	Mattermost Side = iota
	Matrix
)

// String names the side for people.
func (s Side) String() string {
	if s == Matrix {
		return "Matrix"
	}
	return "Mattermost"
}

// Other is the side a message must cross to.
func (s Side) Other() Side { return 1 - s }

// Sent is a message that somebody wrote. Its text is unique.
type Sent struct {
	Text   string
	Chat   string
	Author string // the name that everybody must see
	From   Side

	// Acknowledged says that the server accepted it. Another one may be in the
	// chat nevertheless; then it must cross.
	Acknowledged bool
	// Began is when the author sent it, Ended when it was known what had become
	// of it.
	Began, Ended time.Time
}

// Seen is a message as it was read back.
type Seen struct {
	Text   string
	Author string
	// At is the place in the chat. Equal places mean that the server gives no
	// order.
	At int64
}

// Transcript is what was read back from one side: the messages of each chat,
// oldest first.
type Transcript map[string][]Seen
