package bridgetest_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// mutant is the reference bridge with single methods replaced. A nil field
// leaves the method as it is; next is the method as it is.
type mutant struct {
	net *bridgefake.Network
	log *slog.Logger

	caps    func(c bridge.Capabilities) bridge.Capabilities
	plain   bool // the client has no powers
	open    func(c bridge.Client)
	run     func(ctx context.Context, sink bridge.Sink, next func(context.Context, bridge.Sink) error) error
	deliver func(ctx context.Context, s bridge.Sink, evs []bridge.Event) error
	state   func(s bridge.ConnState) (report bool)
	cursors func([]bridge.Followed)
	send    func(ctx context.Context, m *bridge.Outgoing, next sendFunc) (bridge.Receipt, error)
	edit    func(ctx context.Context, m *bridge.OutgoingEdit, next func() error) error
	remove  func(next func() error) error
	react   func(next func() error) error
	pin     func(next func() error) error
	pins    bool // changes of pins are kept from the sink
	chat    func(*bridge.ChatInfo, error) (*bridge.ChatInfo, error)
	user    func(*bridge.UserInfo, error) (*bridge.UserInfo, error)
	follow  func(bridge.Cursor, error) (bridge.Cursor, error)
	resolve func(ref string, all []bridge.ChatInfo, err error) ([]bridge.ChatInfo, error)
	mime    string
	check   func([]bridge.Finding) []bridge.Finding
	types   func(s bridge.Sink, t bridge.Typing)
	members func(*bridge.MemberList)
	noType  bool // Typing does nothing
	puppet  func(old, p *bridge.Puppet) *bridge.Puppet
	stay    bool                      // Admit and Dismiss do nothing
	blind   bool                      // Find finds nothing
	direct  func(*bridge.Direct) bool // false keeps it from the sink
	space   func(*bridge.SpaceInfo)
	spaces  bool // changes of spaces are kept from the sink
	find    func(*bridge.UserInfo, error) (*bridge.UserInfo, error)
	confide func(c mutantClient, user bridge.UserID, text string, next func() error) error
	last    bridge.ChatID // that was followed
	there   func(users []bridge.UserID, all map[bridge.UserID]bridge.Presence)
	fails   func(error) error // replaces the errors of all calls and of Run
}

type sendFunc func(context.Context, *bridge.Outgoing) (bridge.Receipt, error)

// powers is all that a client can be.
type powers interface {
	bridge.Client
	bridge.Editor
	bridge.Remover
	bridge.Resolver
	bridge.Follower
	bridge.AvatarOpener
	bridge.Checker
	bridge.Reactor
	bridge.Typist
	bridge.Pinner
	bridge.FileOpener
	bridge.FileLimiter
	bridge.MemberLister
	bridge.Puppeteer
	bridge.Finder
	bridge.DirectOpener
	bridge.Spacer
	bridge.Confider
	bridge.PersonFinder
	bridge.PresenceLister
}

type mutantBridge struct {
	bridge.Bridge

	m *mutant
}

type mutantClient struct {
	powers

	m *mutant
}

type mutantSink struct {
	bridge.Sink

	m *mutant
}

func newMutantEnv(mutate func(*mutant)) func(testing.TB, bridge.Deps) bridgetest.Env {
	return func(_ testing.TB, deps bridge.Deps) bridgetest.Env {
		n := bridgefake.NewNetwork(bridgefake.Options{Puppets: true})
		m := &mutant{net: n, log: deps.Log}
		mutate(m)
		return bridgetest.Env{
			Bridge:  mutantBridge{bridgefake.New(n), m},
			Login:   bridge.Login{ID: "relay"},
			Remote:  bridgefake.NewRemote(n, "relay"),
			Secrets: []string{"token-of-the-relay"},
		}
	}
}

func (b mutantBridge) Capabilities() bridge.Capabilities {
	c := b.Bridge.Capabilities()
	if b.m.caps != nil {
		c = b.m.caps(c)
	}
	return c
}

func (b mutantBridge) Open(l bridge.Login) (bridge.Client, error) {
	inner, err := b.Bridge.Open(l)
	if err != nil {
		return nil, err
	}
	if b.m.open != nil {
		b.m.open(inner)
	}
	if b.m.plain {
		return struct{ bridge.Client }{inner}, nil
	}
	all, ok := inner.(powers)
	if !ok {
		return nil, errors.New("the reference client lacks a power")
	}
	return mutantClient{all, b.m}, nil
}

func (c mutantClient) failed(err error) error {
	if err != nil && c.m.fails != nil {
		return c.m.fails(err)
	}
	return err
}

func (c mutantClient) Run(ctx context.Context, sink bridge.Sink) error {
	next := func(ctx context.Context, s bridge.Sink) error { return c.powers.Run(ctx, s) }
	if c.m.run != nil {
		return c.m.run(ctx, mutantSink{sink, c.m}, next)
	}
	return c.failed(next(ctx, mutantSink{sink, c.m}))
}

func (c mutantClient) Send(ctx context.Context, m *bridge.Outgoing) (bridge.Receipt, error) {
	if c.m.send != nil {
		return c.m.send(ctx, m, c.powers.Send)
	}
	r, err := c.powers.Send(ctx, m)
	return r, c.failed(err)
}

func (c mutantClient) Edit(ctx context.Context, m *bridge.OutgoingEdit) error {
	next := func() error { return c.powers.Edit(ctx, m) }
	if c.m.edit != nil {
		return c.m.edit(ctx, m, next)
	}
	return c.failed(next())
}

func (c mutantClient) Remove(ctx context.Context, m *bridge.OutgoingRemoval) error {
	next := func() error { return c.powers.Remove(ctx, m) }
	if c.m.remove != nil {
		return c.m.remove(next)
	}
	return c.failed(next())
}

func (c mutantClient) React(ctx context.Context, m *bridge.OutgoingReaction) error {
	next := func() error { return c.powers.React(ctx, m) }
	if c.m.react != nil {
		return c.m.react(next)
	}
	return c.failed(next())
}

func (c mutantClient) Pin(ctx context.Context, chat bridge.ChatID, id bridge.MessageID, on bool) error {
	next := func() error { return c.powers.Pin(ctx, chat, id, on) }
	if c.m.pin != nil {
		return c.m.pin(next)
	}
	return c.failed(next())
}

func (c mutantClient) Space(ctx context.Context, id bridge.SpaceID) (*bridge.SpaceInfo, error) {
	info, err := c.powers.Space(ctx, id)
	if c.m.space != nil && err == nil {
		c.m.space(info)
	}
	return info, c.failed(err)
}

func (s mutantSink) SpaceChanged(space bridge.SpaceID) {
	if !s.m.spaces {
		s.Sink.SpaceChanged(space)
	}
}

func (s mutantSink) PinsChanged(chat bridge.ChatID) {
	if !s.m.pins {
		s.Sink.PinsChanged(chat)
	}
}

func (c mutantClient) Chat(ctx context.Context, id bridge.ChatID) (*bridge.ChatInfo, error) {
	info, err := c.powers.Chat(ctx, id)
	if c.m.chat != nil {
		return c.m.chat(info, err)
	}
	return info, c.failed(err)
}

func (c mutantClient) User(ctx context.Context, id bridge.UserID) (*bridge.UserInfo, error) {
	info, err := c.powers.User(ctx, id)
	if c.m.user != nil {
		return c.m.user(info, err)
	}
	return info, c.failed(err)
}

func (c mutantClient) Follow(ctx context.Context, id bridge.ChatID) (bridge.Cursor, error) {
	c.m.last = id
	cur, err := c.powers.Follow(ctx, id)
	if c.m.follow != nil {
		return c.m.follow(cur, err)
	}
	return cur, err
}

func (c mutantClient) Resolve(ctx context.Context, ref string) ([]bridge.ChatInfo, error) {
	all, err := c.powers.Resolve(ctx, ref)
	if c.m.resolve != nil {
		return c.m.resolve(ref, all, err)
	}
	return all, err
}

func (c mutantClient) OpenAvatar(ctx context.Context, id bridge.UserID) (io.ReadCloser, string, error) {
	body, mime, err := c.powers.OpenAvatar(ctx, id)
	if c.m.mime != "" {
		mime = c.m.mime
	}
	return body, mime, err
}

func (c mutantClient) Check(ctx context.Context) []bridge.Finding {
	all := c.powers.Check(ctx)
	if c.m.check != nil {
		return c.m.check(all)
	}
	return all
}

func (c mutantClient) Members(ctx context.Context, chat bridge.ChatID, known string) (*bridge.MemberList, error) {
	list, err := c.powers.Members(ctx, chat, known)
	if c.m.members != nil && err == nil {
		c.m.members(list)
	}
	return list, c.failed(err)
}

func (c mutantClient) Typing(ctx context.Context, chat bridge.ChatID, who bridge.Author, on bool) error {
	if c.m.noType {
		return nil
	}
	return c.powers.Typing(ctx, chat, who, on)
}

func (c mutantClient) Confide(ctx context.Context, user bridge.UserID, text string) error {
	next := func() error { return c.powers.Confide(ctx, user, text) }
	if c.m.confide != nil {
		return c.m.confide(c, user, text, next)
	}
	return c.failed(next())
}

func (c mutantClient) FindPerson(ctx context.Context, name string) (*bridge.UserInfo, error) {
	info, err := c.powers.FindPerson(ctx, name)
	if c.m.find != nil {
		return c.m.find(info, err)
	}
	return info, c.failed(err)
}

func (s mutantSink) Typing(t bridge.Typing) {
	if s.m.types != nil {
		s.m.types(s.Sink, t)
		return
	}
	s.Sink.Typing(t)
}

func (s mutantSink) Direct(ctx context.Context, d bridge.Direct) (bool, error) {
	if s.m.direct != nil && !s.m.direct(&d) {
		return false, nil
	}
	return s.Sink.Direct(ctx, d)
}

func (c mutantClient) OpenDirect(ctx context.Context, people []bridge.UserID) (bridge.Direct, error) {
	d, err := c.powers.OpenDirect(ctx, people)
	if c.m.direct != nil {
		c.m.direct(&d)
	}
	return d, c.failed(err)
}

func (c mutantClient) Puppet(ctx context.Context, who bridge.Persona, old *bridge.Puppet) (*bridge.Puppet, error) {
	p, err := c.powers.Puppet(ctx, who, old)
	if c.m.puppet != nil && err == nil {
		p = c.m.puppet(old, p)
	}
	return p, c.failed(err)
}

func (c mutantClient) Admit(ctx context.Context, chat bridge.ChatID, puppet bridge.UserID) error {
	if c.m.stay {
		return nil
	}
	return c.powers.Admit(ctx, chat, puppet)
}

func (c mutantClient) Dismiss(ctx context.Context, chat bridge.ChatID, puppet bridge.UserID) error {
	if c.m.stay {
		return nil
	}
	return c.powers.Dismiss(ctx, chat, puppet)
}

func (c mutantClient) Find(ctx context.Context, m *bridge.Outgoing, by bridge.UserID) (bridge.Receipt, bool, error) {
	r, found, err := c.powers.Find(ctx, m, by)
	if c.m.blind {
		return bridge.Receipt{}, false, err
	}
	return r, found, err
}

func (c mutantClient) Presence(ctx context.Context, users []bridge.UserID) (map[bridge.UserID]bridge.Presence, error) {
	all, err := c.powers.Presence(ctx, users)
	if c.m.there != nil && err == nil {
		c.m.there(users, all)
	}
	return all, c.failed(err)
}

func (c mutantClient) OpenFile(ctx context.Context, chat bridge.ChatID, id bridge.FileID) (io.ReadCloser, int64, error) {
	body, size, err := c.powers.OpenFile(ctx, chat, id)
	return body, size, c.failed(err)
}

func (s mutantSink) Deliver(ctx context.Context, evs ...bridge.Event) error {
	if s.m.deliver != nil {
		return s.m.deliver(ctx, s.Sink, evs)
	}
	return s.Sink.Deliver(ctx, evs...)
}

func (s mutantSink) Followed(ctx context.Context) ([]bridge.Followed, error) {
	all, err := s.Sink.Followed(ctx)
	if s.m.cursors != nil {
		s.m.cursors(all)
	}
	return all, err
}

func (s mutantSink) State(ctx context.Context, st bridge.ConnState, cause error) {
	if s.m.state == nil || s.m.state(st) {
		s.Sink.State(ctx, st, cause)
	}
}

// each delivers events one by one, through f: what f returns goes on.
func each(f func(ev bridge.Event) []bridge.Event) func(context.Context, bridge.Sink, []bridge.Event) error {
	var mu sync.Mutex
	return func(ctx context.Context, s bridge.Sink, evs []bridge.Event) error {
		var out []bridge.Event
		mu.Lock()
		for _, ev := range evs {
			out = append(out, f(ev)...)
		}
		mu.Unlock()
		return s.Deliver(ctx, out...)
	}
}

// message changes each message.
func message(f func(m *bridge.Message)) func(*mutant) {
	return func(mu *mutant) {
		mu.deliver = each(func(ev bridge.Event) []bridge.Event {
			if m, ok := ev.(*bridge.Message); ok {
				f(m)
			}
			return []bridge.Event{ev}
		})
	}
}

// drop leaves out the events of one type.
func drop[E bridge.Event](mu *mutant) {
	mu.deliver = each(func(ev bridge.Event) []bridge.Event {
		if _, ok := ev.(E); ok {
			return nil
		}
		return []bridge.Event{ev}
	})
}

// outgoing changes a copy of each message before it is sent.
func outgoing(f func(m *bridge.Outgoing)) func(*mutant) {
	return func(mu *mutant) {
		mu.send = func(ctx context.Context, m *bridge.Outgoing, next sendFunc) (bridge.Receipt, error) {
			one, content := *m, *m.Content
			one.Content = &content
			f(&one)
			return next(ctx, &one)
		}
	}
}

// failing replaces errors that are from by to.
func failing(from func(error) bool, to error) func(*mutant) {
	return func(mu *mutant) {
		mu.fails = func(err error) error {
			if from(err) {
				return to
			}
			return err
		}
	}
}

func emptyText() *event.MessageEventContent {
	return &event.MessageEventContent{MsgType: event.MsgText}
}
