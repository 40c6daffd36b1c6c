package bridgefake

import (
	"context"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// login is what the network keeps about one account of a bridge.
type login struct {
	id      bridge.LoginID
	user    bridge.UserID
	revoked bool
	conns   map[*conn]struct{}

	secrets   int // given out, for a puppet
	disabled  bool
	fault     bridgetest.Fault
	faultLeft int
	duplicate bool
	reorder   bool
	echoFirst bool
}

// login finds or makes a login. Callers hold mu.
func (n *Network) login(id bridge.LoginID) *login {
	l := n.logins[id]
	if l == nil {
		l = &login{id: id, user: bridge.UserID("bot-" + id), conns: map[*conn]struct{}{}}
		n.logins[id] = l
		n.users[l.user] = &user{info: bridge.UserInfo{ID: l.user, Name: "bot", Bot: true}}
	}
	return l
}

// reorderWait is how long a push is held back for the next one to overtake it.
const reorderWait = 20 * time.Millisecond

// push is one live event on its way to a connection: of a chat, of a person when
// chat is "", of a space, or that somebody types.
type push struct {
	chat   bridge.ChatID
	change change
	user   bridge.UserInfo
	typing *bridge.Typing
	space  bridge.SpaceID
	seq    int
	joined int // the chat's last change when the login joined it
	time   time.Time
	done   chan struct{} // closed when the client is through with it; may be nil
}

// conn is one open connection of a login. n.mu guards its fields.
type conn struct {
	queue  []push
	busy   chan struct{} // done of the push that the client works on; may be nil
	wake   chan struct{} // holds a token when queue or closed changed
	closed bool
}

// push gives a live event to all connections. Callers hold mu.
func (l *login) push(p push) {
	for c := range l.conns {
		one := p
		one.done = make(chan struct{})
		c.queue = append(c.queue, one)
		if l.duplicate {
			c.queue = append(c.queue, p)
		}
		c.signal()
	}
}

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// next waits for the next push. It returns errBroken when the connection broke
// and the error of ctx when that ends.
func (n *Network) next(ctx context.Context, l *login, c *conn) (push, error) {
	n.mu.Lock()
	c.release()
	n.mu.Unlock()
	for {
		n.mu.Lock()
		closed, waiting, reorder := c.closed, len(c.queue), l.reorder
		n.mu.Unlock()
		switch {
		case closed:
			return push{}, errBroken
		case waiting == 0:
			if err := c.wait(ctx, 0); err != nil {
				return push{}, err
			}
			continue
		case waiting == 1 && reorder:
			if err := c.wait(ctx, reorderWait); err != nil {
				return push{}, err
			}
		}
		if p, ok := n.take(c, reorder); ok {
			return p, nil
		}
	}
}

// wait waits for a signal, at most for limit when that is not 0.
func (c *conn) wait(ctx context.Context, limit time.Duration) error {
	var timeout <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-c.wake:
	case <-timeout:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (n *Network) take(c *conn, reorder bool) (push, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.closed || len(c.queue) == 0 {
		return push{}, false
	}
	if reorder && len(c.queue) > 1 {
		c.queue[0], c.queue[1] = c.queue[1], c.queue[0]
	}
	p := c.queue[0]
	c.queue = c.queue[1:]
	c.busy = p.done
	return p, true
}

// release says that the client is through with its last push. Callers hold mu.
func (c *conn) release() {
	if c.busy != nil {
		close(c.busy)
		c.busy = nil
	}
}

// cut breaks all connections of l. Callers hold mu.
func (l *login) cut() {
	for c := range l.conns {
		l.drop(c)
	}
}

// drop forgets one connection. Callers hold mu.
func (l *login) drop(c *conn) {
	delete(l.conns, c)
	c.closed = true
	c.release()
	for _, p := range c.queue {
		if p.done != nil {
			close(p.done)
		}
	}
	c.queue = nil
	c.signal()
}
