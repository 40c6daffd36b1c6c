package bridgetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
)

// Sink is a reference of what the core does with a client's events, in memory: it
// commits events and cursors together, drops what it has seen by [bridge.Meta]'s
// Key, drops echoes, and forgets nothing between Runs. It notes each breach of
// the contract that it sees (see [Sink.Breaches]). Methods may be called from
// many goroutines.
type Sink struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change
	gate     chan struct{} // Deliver waits for its closing; nil = open
	fate     func(n int) Fate
	onCall   func()
	delivers int
	failed   bool // a Deliver was made to fail

	links       map[bridge.ChatID]bridge.Cursor
	seen        map[eventID]string
	byID        map[bridge.MessageID]bridge.Key
	mapped      map[bridge.ChatID]map[bridge.MessageID]mapping
	sent        map[bridge.MessageID]bridge.Key
	events      []bridge.Event
	echoes      []bridge.Event
	typings     []bridge.Typing
	pinned      map[bridge.ChatID]int
	directs     map[bridge.ChatID]bridge.Direct
	spaces      map[bridge.SpaceID]int
	wantDirects bool
	repeats     int
	states      []StateReport
	breaches    []string
}

type eventID struct {
	chat bridge.ChatID
	key  bridge.Key
}

type mapping struct {
	time   time.Time
	thread bridge.MessageID
}

// StateReport is one call of [bridge.Sink].State.
type StateReport struct {
	State bridge.ConnState
	Cause error
}

// Fate is what becomes of a call of Deliver.
type Fate int

// The fates.
const (
	Commit Fate = iota
	// Fail stores nothing and returns an error, as a database that is away.
	Fail
	// Crash stores everything and still returns an error, as a process that dies
	// after the commit.
	Crash
)

var errInjected = errors.New("injected failure of the store")

var _ bridge.Sink = (*Sink)(nil)

// NewSink makes an empty sink.
func NewSink() *Sink {
	return &Sink{
		changed: make(chan struct{}),
		links:   map[bridge.ChatID]bridge.Cursor{},
		seen:    map[eventID]string{},
		byID:    map[bridge.MessageID]bridge.Key{},
		mapped:  map[bridge.ChatID]map[bridge.MessageID]mapping{},
		sent:    map[bridge.MessageID]bridge.Key{},
		pinned:  map[bridge.ChatID]int{},
		directs: map[bridge.ChatID]bridge.Direct{},
		spaces:  map[bridge.SpaceID]int{},
	}
}

// Link links a chat from cursor on.
func (s *Sink) Link(chat bridge.ChatID, cursor bridge.Cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[chat] = cursor
}

// Cursor is the committed cursor of a chat.
func (s *Sink) Cursor(chat bridge.ChatID) bridge.Cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[chat]
}

// Sent notes the receipt of a message, as the core's message map does.
func (s *Sink) Sent(chat bridge.ChatID, key bridge.Key, r bridge.Receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[r.ID] = key
	s.mapLocked(chat, r.ID, mapping{time: r.Time})
}

// Decide makes f decide the fate of each later Deliver, n counting them from 1.
// A nil f commits.
func (s *Sink) Decide(f func(n int) Fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fate, s.delivers = f, 0
}

// OnCall makes f run at the beginning of each later call by the client.
func (s *Sink) OnCall(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCall = f
}

// Hold makes Deliver block until release is called, or its context ends.
func (s *Sink) Hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := make(chan struct{})
	s.gate = gate
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(gate)
		s.gate = nil
	})
}

// Deliver implements [bridge.Sink].
func (s *Sink) Deliver(ctx context.Context, evs ...bridge.Event) error {
	s.called()
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delivers++
	fate := Commit
	if s.fate != nil {
		fate = s.fate(s.delivers)
	}
	if fate != Fail {
		for _, ev := range evs {
			s.commit(ev)
		}
		s.announce()
	}
	if fate != Commit {
		s.failed = true
		return errInjected
	}
	return nil
}

// commit needs mu held.
func (s *Sink) commit(ev bridge.Event) {
	s.inspect(ev)
	h := ev.Head()
	if h.Chat != "" {
		if _, linked := s.links[h.Chat]; !linked {
			return
		}
		if h.Cursor != "" {
			s.links[h.Chat] = h.Cursor
		}
	}
	id := eventID{h.Chat, h.Key}
	if _, old := s.seen[id]; old {
		s.repeats++
		return
	}
	s.seen[id] = identity(ev)
	switch e := ev.(type) {
	case *bridge.Message:
		s.mapLocked(h.Chat, e.ID, mapping{time: h.Time, thread: e.Thread})
	case *bridge.Removal:
		s.unmapLocked(h.Chat, e)
	case *bridge.Edit, *bridge.Reactions, *bridge.ChatChange, *bridge.ChatGone, *bridge.Members, *bridge.UserChange:
	}
	if h.Echo != "" {
		s.echoes = append(s.echoes, ev)
		return
	}
	s.events = append(s.events, ev)
}

func (s *Sink) mapLocked(chat bridge.ChatID, id bridge.MessageID, m mapping) {
	if s.mapped[chat] == nil {
		s.mapped[chat] = map[bridge.MessageID]mapping{}
	}
	s.mapped[chat][id] = m
}

func (s *Sink) unmapLocked(chat bridge.ChatID, r *bridge.Removal) {
	delete(s.mapped[chat], r.Target)
	if !r.Cascade {
		return
	}
	for id, m := range s.mapped[chat] {
		if m.thread == r.Target {
			delete(s.mapped[chat], id)
		}
	}
}

// Followed implements [bridge.Sink].
func (s *Sink) Followed(ctx context.Context) ([]bridge.Followed, error) {
	s.called()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]bridge.Followed, 0, len(s.links))
	for chat, cursor := range s.links {
		out = append(out, bridge.Followed{Chat: chat, Cursor: cursor})
	}
	return out, ctx.Err()
}

// Mapped implements [bridge.Sink].
func (s *Sink) Mapped(ctx context.Context, chat bridge.ChatID, since time.Time) ([]bridge.MessageID, error) {
	s.called()
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []bridge.MessageID
	for id, m := range s.mapped[chat] {
		if m.time.IsZero() || !m.time.Before(since) {
			out = append(out, id)
		}
	}
	return out, ctx.Err()
}

// Typing implements [bridge.Sink].
func (s *Sink) Typing(t bridge.Typing) {
	s.called()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.typings = append(s.typings, t)
	s.announce()
}

// Typings lists who was told to be writing in a chat.
func (s *Sink) Typings(chat bridge.ChatID) []bridge.Typing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.typings), func(t bridge.Typing) bool { return t.Chat != chat })
}

// State implements [bridge.Sink].
func (s *Sink) State(_ context.Context, state bridge.ConnState, cause error) {
	s.called()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = append(s.states, StateReport{state, cause})
	s.announce()
}

func (s *Sink) called() {
	s.mu.Lock()
	f := s.onCall
	s.mu.Unlock()
	if f != nil {
		f()
	}
}

// announce needs mu held.
func (s *Sink) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Await waits until cond holds; it is asked after every change of the sink. It
// returns the error of ctx when that ends first.
func (s *Sink) Await(ctx context.Context, cond func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
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

// Events lists what was stored of a chat, in order: without repeats and without
// echoes. "" means the events that belong to no chat.
func (s *Sink) Events(chat bridge.ChatID) []bridge.Event { return s.of(chat, &s.events) }

// Echoes lists the echoes of a chat, in order, without repeats.
func (s *Sink) Echoes(chat bridge.ChatID) []bridge.Event { return s.of(chat, &s.echoes) }

func (s *Sink) of(chat bridge.ChatID, list *[]bridge.Event) []bridge.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []bridge.Event
	for _, ev := range *list {
		if ev.Head().Chat == chat {
			out = append(out, ev)
		}
	}
	return out
}

// Messages lists the stored messages of a chat as they came.
func (s *Sink) Messages(chat bridge.ChatID) []*bridge.Message {
	var out []*bridge.Message
	for _, ev := range s.Events(chat) {
		if m, ok := ev.(*bridge.Message); ok {
			out = append(out, m)
		}
	}
	return out
}

// Repeats counts the events that were dropped because their key was known.
func (s *Sink) Repeats() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repeats
}

// hasFailed tells whether a Deliver was made to fail.
func (s *Sink) hasFailed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// States lists the reports of State in order.
func (s *Sink) States() []StateReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.states)
}

// Seen is a message as Matrix shows it after all events: edited, not removed.
type Seen struct {
	ID      bridge.MessageID
	Sender  bridge.UserID
	Thread  bridge.MessageID
	Content *event.MessageEventContent
}

// View is the chat as Matrix shows it: edits applied, removed messages gone.
func (s *Sink) View(chat bridge.ChatID) []Seen {
	var out []Seen
	for _, ev := range s.Events(chat) {
		switch e := ev.(type) {
		case *bridge.Message:
			out = append(out, Seen{ID: e.ID, Sender: e.Sender, Thread: e.Thread, Content: e.Content})
		case *bridge.Edit:
			if i := slices.IndexFunc(out, func(m Seen) bool { return m.ID == e.Target }); i >= 0 {
				out[i].Content = e.Content
			}
		case *bridge.Removal:
			out = slices.DeleteFunc(out, func(m Seen) bool {
				return m.ID == e.Target || e.Cascade && m.Thread == e.Target
			})
		case *bridge.Reactions, *bridge.ChatChange, *bridge.ChatGone, *bridge.Members, *bridge.UserChange:
		}
	}
	return out
}

// Breaches lists what broke the contract, in words without content.
func (s *Sink) Breaches() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.breaches)
	for _, ev := range s.events {
		if m, ok := ev.(*bridge.Message); ok && s.sent[m.ID] != "" {
			out = append(out, "own message "+string(m.ID)+" came back without Echo")
		}
	}
	for _, ev := range s.echoes {
		m, ok := ev.(*bridge.Message)
		if want := s.sent[messageID(m, ok)]; want != "" && want != ev.Head().Echo {
			out = append(out, "own message "+string(m.ID)+" came back with the Echo key of another")
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func messageID(m *bridge.Message, ok bool) bridge.MessageID {
	if !ok {
		return ""
	}
	return m.ID
}

func printable(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
