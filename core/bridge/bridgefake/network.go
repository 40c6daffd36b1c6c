package bridgefake

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// Options are the settings of a network. The zero value is useful.
type Options struct {
	// Now is the network's clock, [time.Now] when nil.
	Now func() time.Time
	// Hook runs before each call of a client reaches the network. It may wait
	// (latency), and an error is what the client gets instead of an answer.
	Hook func(ctx context.Context, c Call) error
	// MaxText is the limit of one message in runes; 0 means 4000.
	MaxText int
	// MaxFile is the limit of one file in bytes; 0 means 1 MiB.
	MaxFile int64
	// Page is how many changes one catch-up call answers; 0 means 100.
	Page int
	// Puppets gives Matrix people accounts of their own.
	Puppets bool
	// Plain makes clients without any optional power but [bridge.Follower].
	Plain bool
}

// Call is one call of a client to the network.
type Call struct {
	// Op is one of connect, since, send, find, edit, remove, react, pin, pinned, chat,
	// user, resolve, join, type, file, members, space, puppet, admit, direct, confide,
	// presence.
	Op    string
	Login bridge.LoginID
	Chat  bridge.ChatID // "" when the call is about no chat
}

// Network is a messenger in memory. All methods may be called from many
// goroutines. Methods that name a chat, person or message which does not exist
// do nothing and return zero values.
type Network struct {
	opts Options

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
	down    bool
	lastID  int
	lists   int // of members that were read
	users   map[bridge.UserID]*user
	chats   map[bridge.ChatID]*chat
	order   []*chat
	logins  map[bridge.LoginID]*login
	files   map[bridge.FileID]*File
	full    map[bridge.ChatID]bool // to puppets
	spaces  map[bridge.SpaceID]*bridge.SpaceInfo
}

type user struct {
	info   bridge.UserInfo
	avatar []byte
	seq    int // counts changes

	confided []string        // what logins have told them in private
	presence bridge.Presence // "" = offline
}

type chat struct {
	info  bridge.ChatInfo
	in    map[bridge.LoginID]int  // logins that see it, and since which change
	admit map[bridge.LoginID]bool // logins that may see it
	msgs  []*message
	byID  map[bridge.MessageID]*message
	keys  map[bridge.Key]*message // client-chosen keys that the network remembers
	log   []change

	direct bool
	people map[bridge.UserID]bool
	chiefs map[bridge.UserID]bool // who may alert everybody
	crowd  int                    // counts their changes
	typed  int                    // how often a login was shown as writing
	typing bool                   // and whether it is now
}

// NewNetwork makes an empty network.
func NewNetwork(o Options) *Network {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxText == 0 {
		o.MaxText = 4000
	}
	if o.MaxFile == 0 {
		o.MaxFile = 1 << 20
	}
	if o.Page == 0 {
		o.Page = 100
	}
	return &Network{
		opts:    o,
		changed: make(chan struct{}),
		users:   map[bridge.UserID]*user{},
		chats:   map[bridge.ChatID]*chat{},
		logins:  map[bridge.LoginID]*login{},
		files:   map[bridge.FileID]*File{},
		full:    map[bridge.ChatID]bool{},
		spaces:  map[bridge.SpaceID]*bridge.SpaceInfo{},
	}
}

// Await waits until cond holds; it is asked after every change on the network.
// It returns the error of ctx when that ends first.
func (n *Network) Await(ctx context.Context, cond func() bool) error {
	for {
		n.mu.Lock()
		changed := n.changed
		n.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// NewUser makes a person.
func (n *Network) NewUser(name string) bridge.UserID {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := bridge.UserID(n.newID("u"))
	n.users[id] = &user{info: bridge.UserInfo{ID: id, Name: name}}
	return id
}

// RenameUser changes a person's name.
func (n *Network) RenameUser(id bridge.UserID, name string) {
	n.changeUser(id, func(u *user) { u.info.Name = name })
}

// SetAvatar gives a person a picture; empty png takes it away.
func (n *Network) SetAvatar(id bridge.UserID, png []byte) {
	n.changeUser(id, func(u *user) {
		u.avatar = png
		u.info.AvatarKey = ""
		if len(png) > 0 {
			u.info.AvatarKey = "a" + strconv.Itoa(u.seq)
		}
	})
}

func (n *Network) changeUser(id bridge.UserID, f func(*user)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	u := n.users[id]
	if u == nil {
		return
	}
	u.seq++
	f(u)
	p := push{user: u.info, seq: u.seq, time: n.opts.Now()}
	for _, l := range n.logins {
		l.push(p)
	}
	n.announce()
}

// NewChat makes a chat. ref is the operator's name for it ("school/market"), its
// last segment the first display name. A private chat is open only to logins
// that [Network.Admit] lets in.
func (n *Network) NewChat(ref string, private bool) bridge.ChatID {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := bridge.ChatID(n.newID("c"))
	name := ref[strings.LastIndex(ref, "/")+1:]
	c := &chat{
		info:  bridge.ChatInfo{ID: id, Ref: ref, Slug: slug(ref), Name: name, Private: private},
		in:    map[bridge.LoginID]int{},
		admit: map[bridge.LoginID]bool{},
		byID:  map[bridge.MessageID]*message{},
		keys:  map[bridge.Key]*message{},

		people: map[bridge.UserID]bool{},
		chiefs: map[bridge.UserID]bool{},
	}
	n.chats[id] = c
	n.order = append(n.order, c)
	return id
}

func slug(ref string) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower(ref))
	return s[:min(len(s), 100)]
}

// Admit lets a login into a private chat.
func (n *Network) Admit(id bridge.ChatID, l bridge.LoginID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.chats[id]; c != nil {
		c.admit[l] = true
	}
}

// RenameChat changes a chat's display name.
func (n *Network) RenameChat(id bridge.ChatID, name string) {
	n.changeChat(id, changeInfo, func(c *chat) { c.info.Name = name })
}

// SetTopic changes a chat's topic.
func (n *Network) SetTopic(id bridge.ChatID, topic string) {
	n.changeChat(id, changeInfo, func(c *chat) { c.info.Topic = topic })
}

// Archive closes a chat for good: it can be read, but not written to.
func (n *Network) Archive(id bridge.ChatID) {
	n.changeChat(id, changeGone, func(c *chat) { c.info.Gone = true })
}

func (n *Network) changeChat(id bridge.ChatID, kind changeKind, f func(*chat)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.chats[id]
	if c == nil {
		return
	}
	f(c)
	n.record(c, change{kind: kind, info: c.info})
}

func (n *Network) newID(prefix string) string {
	n.lastID++
	return prefix + strconv.Itoa(n.lastID)
}

// announce wakes Await. Callers hold mu.
func (n *Network) announce() {
	close(n.changed)
	n.changed = make(chan struct{})
}
