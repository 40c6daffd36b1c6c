package mattermost

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

// cachedPosts bounds how many posts' roots are remembered.
const cachedPosts = 20_000

// client is the bot account.
type client struct {
	net     *network
	login   bridge.LoginID
	api     *api
	admin   *client // makes the accounts of Matrix people; nil = nobody does
	puppet  bool    // is one of these accounts
	log     *slog.Logger
	overlap int64 // how many milliseconds before its cursor a channel is swept
	people  *people
	roots   *lru[bridge.MessageID, string] // message → root of its thread
	replied *lru[string, struct{}]         // roots of threads with replies
	teams   *lru[string, *model.Team]
	offices *lru[officeOf, office]         // who may alert which channel
	typed   *lru[bridge.ChatID, time.Time] // when the bot was last shown as writing

	mu       sync.Mutex
	self     *self                   // nil until asked for
	last     resumption              // what the last connection left
	expected map[bridge.ChatID]int64 // chats just linked, until the core lists them
	poke     chan struct{}           // wakes a running connection: expected has grown
}

var _ bridge.Client = (*client)(nil)

func newClient(n *network, login bridge.Login, token string) *client {
	c := &client{
		net: n, login: login.ID, api: newAPI(n, token), log: n.deps.Log, overlap: defaultOverlap, puppet: login.Secret != "",
		people:   newPeople(),
		roots:    newLRU[bridge.MessageID, string](cachedPosts),
		replied:  newLRU[string, struct{}](cachedPosts),
		teams:    newLRU[string, *model.Team](1000),
		offices:  newLRU[officeOf, office](1000),
		typed:    newLRU[bridge.ChatID, time.Time](1000),
		expected: map[bridge.ChatID]int64{},
		poke:     make(chan struct{}, 1),
	}
	if n.admin != "" && login.ID != adminLogin {
		c.admin = newClient(n, bridge.Login{ID: adminLogin}, n.admin)
	}
	return c
}

// self is what the login needs to know of itself and of the server's switches.
type self struct {
	id, name     string
	bot          bool
	own          bool  // speaks for itself, as one of the Matrix people's accounts
	nameOverride bool  // people appear with their names
	iconOverride bool  // and their pictures
	maxPost      int   // runes in one post
	maxFile      int64 // bytes of one file, 0 when the server does not tell
	maxAlert     int   // members from which on nobody alerts a channel, 0 likewise
}

// defaultMaxPost holds for every server whose database was made since 2018.
const defaultMaxPost = 16383

// me tells about the login, from memory when it was asked before.
func (c *client) me(ctx context.Context) (*self, error) {
	c.mu.Lock()
	known := c.self
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	return c.lookAtSelf(ctx)
}

// lookAtSelf asks the server who the login is and how its switches stand.
func (c *client) lookAtSelf(ctx context.Context) (*self, error) {
	user, err := c.api.me(ctx)
	if err != nil {
		return nil, c.explain(ctx, err, "")
	}
	switches, err := c.api.clientConfig(ctx)
	if err != nil {
		return nil, c.explain(ctx, err, "")
	}
	me := &self{
		id: user.Id, name: user.Username, bot: user.IsBot, own: c.puppet,
		nameOverride: switches["EnablePostUsernameOverride"] == "true",
		iconOverride: switches["EnablePostIconOverride"] == "true",
		maxPost:      defaultMaxPost,
	}
	if n, err := strconv.Atoi(switches["MaxPostSize"]); err == nil && n > 0 {
		me.maxPost = n
	}
	if n, err := strconv.ParseInt(switches["MaxFileSize"], 10, 64); err == nil && n > 0 {
		me.maxFile = n
	}
	if n, err := strconv.Atoi(switches["MaxNotificationsPerChannel"]); err == nil && n > 0 {
		me.maxAlert = n
	}
	c.mu.Lock()
	c.self = me
	c.mu.Unlock()
	return me, nil
}

// Run holds one connection.
func (c *client) Run(ctx context.Context, sink bridge.Sink) error {
	sink.State(ctx, bridge.StateConnecting, nil)
	err := c.connect(ctx, sink)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the end was asked for
	}
	if errors.Is(err, bridge.ErrLoggedOut) {
		sink.State(ctx, bridge.StateLoggedOut, err)
	} else {
		sink.State(ctx, bridge.StateBroken, err)
	}
	return err
}
