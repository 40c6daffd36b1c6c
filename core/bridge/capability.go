package bridge

// Capabilities are facts about a network. A bridge declares the first group; the
// core fills the second by assertion (see [Capabilities.Fill]).
type Capabilities struct {
	MaxText  int    // runes in one message; longer ones are [ErrTooLarge]. 0 = no limit
	Markup   string // name of the dialect, for the capability table
	Threads  bool   // has threads with one level
	Replies  bool   // has replies other than threads
	IDStable bool   // an edit keeps the message's ID
	// SharedReactions: all Matrix people react through one account, which holds
	// each emoji once.
	SharedReactions bool
	// Puppets: Matrix people have accounts of their own there ([Puppeteer]).
	Puppets bool

	Edits    bool
	Removals bool
	Resolves bool
	Follows  bool
	Avatars  bool
	Checks   bool
	Reacts   bool
	Types    bool
	Pins     bool
	Files    bool
	Members  bool
	Directs  bool
	Spaces   bool
	Confides bool
	Presence bool
}

// Fill returns c with the powers that client has.
func (c Capabilities) Fill(client Client) Capabilities {
	_, c.Edits = client.(Editor)
	_, c.Removals = client.(Remover)
	_, c.Resolves = client.(Resolver)
	_, c.Follows = client.(Follower)
	_, c.Avatars = client.(AvatarOpener)
	_, c.Checks = client.(Checker)
	_, c.Reacts = client.(Reactor)
	c.SharedReactions = c.SharedReactions && c.Reacts
	_, c.Types = client.(Typist)
	_, c.Pins = client.(Pinner)
	_, c.Files = client.(FileOpener)
	_, c.Members = client.(MemberLister)
	if _, ok := client.(Puppeteer); !ok {
		c.Puppets = false
	}
	_, c.Directs = client.(DirectOpener)
	c.Directs = c.Directs && c.Puppets
	_, c.Spaces = client.(Spacer)
	_, confides := client.(Confider)
	_, finds := client.(PersonFinder)
	c.Confides = confides && finds
	_, c.Presence = client.(PresenceLister)
	return c
}
