package bridgetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
)

func errorAtStop(m *mutant) {
	m.run = func(ctx context.Context, s bridge.Sink, next func(context.Context, bridge.Sink) error) error {
		if err := next(ctx, s); err != nil {
			return err
		}
		return ctx.Err()
	}
}

func deafDeliver(m *mutant) {
	m.deliver = func(ctx context.Context, s bridge.Sink, evs []bridge.Event) error {
		return s.Deliver(context.WithoutCancel(ctx), evs...)
	}
}

func runOnce(m *mutant) {
	var ran atomic.Bool
	m.run = func(ctx context.Context, s bridge.Sink, next func(context.Context, bridge.Sink) error) error {
		if !ran.Swap(true) {
			return next(ctx, s)
		}
		<-ctx.Done()
		return nil
	}
}

func leakGoroutine(m *mutant) {
	m.send = func(ctx context.Context, o *bridge.Outgoing, next sendFunc) (bridge.Receipt, error) {
		go func() {
			t := time.NewTimer(4 * time.Second)
			<-t.C
		}()
		return next(ctx, o)
	}
}

func stuckAtEmpty(m *mutant) {
	m.deliver = func(ctx context.Context, s bridge.Sink, evs []bridge.Event) error {
		for _, ev := range evs {
			if e, ok := ev.(*bridge.Message); ok && strings.TrimSpace(e.Content.Body) == "" {
				return errors.New("mutant: empty")
			}
		}
		return s.Deliver(ctx, evs...)
	}
}

func double(m *mutant) {
	m.deliver = each(func(ev bridge.Event) []bridge.Event {
		if e, ok := ev.(*bridge.Message); ok {
			twin := *e
			twin.Key += "-again"
			return []bridge.Event{ev, &twin}
		}
		return []bridge.Event{ev}
	})
}

// mixChats takes messages of another chat for messages of this one.
func mixChats(m *mutant) {
	m.deliver = each(func(ev bridge.Event) []bridge.Event {
		if e, ok := ev.(*bridge.Message); ok {
			strange := *e
			strange.ID += "-elsewhere"
			strange.Key += "-elsewhere"
			return []bridge.Event{&strange, ev}
		}
		return []bridge.Event{ev}
	})
}

func refuse(part string, err error) func(*mutant) {
	return func(m *mutant) {
		m.send = func(ctx context.Context, o *bridge.Outgoing, next sendFunc) (bridge.Receipt, error) {
			if strings.Contains(o.Content.Body, part) {
				return bridge.Receipt{}, err
			}
			return next(ctx, o)
		}
	}
}

func refuseEmpty(m *mutant) {
	m.send = func(ctx context.Context, o *bridge.Outgoing, next sendFunc) (bridge.Receipt, error) {
		if strings.TrimSpace(o.Content.Body) == "" {
			return bridge.Receipt{}, errTemporary
		}
		return next(ctx, o)
	}
}

func sendRaw(m *mutant) {
	m.send = func(_ context.Context, o *bridge.Outgoing, _ sendFunc) (bridge.Receipt, error) {
		return bridge.Receipt{ID: m.net.Post(m.net.NewUser(o.Author.Name), o.Chat, o.Content.Body)}, nil
	}
}

func ignoreKey(m *mutant) {
	var mu sync.Mutex
	n := 0
	m.send = func(ctx context.Context, o *bridge.Outgoing, next sendFunc) (bridge.Receipt, error) {
		mu.Lock()
		n++
		one := *o
		one.Key = bridge.Key(fmt.Sprintf("%s-%d", o.Key, n))
		mu.Unlock()
		return next(ctx, &one)
	}
}

func dedupeByText(m *mutant) {
	sent := map[string]bridge.Receipt{}
	m.send = func(ctx context.Context, o *bridge.Outgoing, next sendFunc) (bridge.Receipt, error) {
		if r, ok := sent[o.Content.Body]; ok {
			return r, nil
		}
		r, err := next(ctx, o)
		sent[o.Content.Body] = r
		return r, err
	}
}

func trustUncertain(m *mutant) {
	m.send = func(ctx context.Context, o *bridge.Outgoing, next sendFunc) (bridge.Receipt, error) {
		if o.Uncertain {
			all := m.net.Messages(o.Chat)
			return bridge.Receipt{ID: all[len(all)-1].ID}, nil
		}
		return next(ctx, o)
	}
}

func forgetEcho[E bridge.Event](m *mutant) {
	m.deliver = each(func(ev bridge.Event) []bridge.Event {
		if _, ok := ev.(E); ok {
			ev.Head().Echo = ""
		}
		return []bridge.Event{ev}
	})
}

// echoAfterAnswer knows an echo only when Send has returned.
func echoAfterAnswer(m *mutant) {
	var mu sync.Mutex
	known := map[bridge.Key]bool{}
	m.send = func(ctx context.Context, o *bridge.Outgoing, next sendFunc) (bridge.Receipt, error) {
		r, err := next(ctx, o)
		mu.Lock()
		defer mu.Unlock()
		known[o.Key] = err == nil
		return r, err
	}
	m.deliver = each(func(ev bridge.Event) []bridge.Event {
		mu.Lock()
		defer mu.Unlock()
		if !known[ev.Head().Echo] {
			ev.Head().Echo = ""
		}
		return []bridge.Event{ev}
	})
}

func removalAsEdit(m *mutant) {
	m.deliver = each(func(ev bridge.Event) []bridge.Event {
		if r, ok := ev.(*bridge.Removal); ok && r.Echo != "" {
			e := &bridge.Edit{Meta: r.Meta, Target: r.Target, Content: emptyText()}
			e.Echo = ""
			return []bridge.Event{e}
		}
		return []bridge.Event{ev}
	})
}

func forgetEchoCatchingUp(m *mutant) {
	var mu sync.Mutex
	catching := true
	m.state = func(s bridge.ConnState) bool {
		mu.Lock()
		defer mu.Unlock()
		catching = s != bridge.StateConnected
		return true
	}
	m.deliver = each(func(ev bridge.Event) []bridge.Event {
		mu.Lock()
		defer mu.Unlock()
		if catching {
			ev.Head().Echo = ""
		}
		return []bridge.Event{ev}
	})
}

// swapMessages delivers the fifth message after the sixth.
func swapMessages(m *mutant) {
	n := 0
	var held bridge.Event
	m.deliver = each(func(ev bridge.Event) []bridge.Event {
		if _, ok := ev.(*bridge.Message); !ok {
			return []bridge.Event{ev}
		}
		switch n++; n {
		case 5:
			held = ev
			return nil
		case 6:
			return []bridge.Event{ev, held}
		}
		return []bridge.Event{ev}
	})
}

// swapSends sends the fifth message after the sixth.
func swapSends(m *mutant) {
	n := 0
	var held *bridge.Outgoing
	m.send = func(ctx context.Context, o *bridge.Outgoing, next sendFunc) (bridge.Receipt, error) {
		n++
		if n == 5 {
			held = o
			return bridge.Receipt{ID: "later"}, nil
		}
		r, err := next(ctx, o)
		if n == 6 {
			_, _ = next(ctx, held)
		}
		return r, err
	}
}

// oldEdits delivers each edit with the content of the one before.
func oldEdits(m *mutant) {
	before := emptyText()
	m.deliver = each(func(ev bridge.Event) []bridge.Event {
		if e, ok := ev.(*bridge.Edit); ok {
			e.Content, before = before, e.Content
		}
		return []bridge.Event{ev}
	})
}

func noCatchUp(m *mutant) {
	m.cursors = func(all []bridge.Followed) {
		for i := range all {
			all[i].Cursor = ""
		}
	}
}

func fromTheBeginning(m *mutant) {
	m.cursors = func(all []bridge.Followed) {
		for i := range all {
			all[i].Cursor = "0"
		}
	}
}

func swallowStoreErrors(m *mutant) {
	m.deliver = func(ctx context.Context, s bridge.Sink, evs []bridge.Event) error {
		_ = s.Deliver(ctx, evs...)
		return nil
	}
}

// unstableKeys makes other keys in each Run.
func unstableKeys(m *mutant) {
	var mu sync.Mutex
	run := 0
	m.state = func(s bridge.ConnState) bool {
		mu.Lock()
		defer mu.Unlock()
		if s == bridge.StateConnecting {
			run++
		}
		return true
	}
	m.deliver = each(func(ev bridge.Event) []bridge.Event {
		mu.Lock()
		defer mu.Unlock()
		ev.Head().Key += bridge.Key(fmt.Sprintf("-%d", run))
		return []bridge.Event{ev}
	})
}

// onePage delivers the first page of a gap only.
func onePage(m *mutant) {
	pages := 0
	m.deliver = func(ctx context.Context, s bridge.Sink, evs []bridge.Event) error {
		if len(evs) > 1 {
			if pages++; pages > 1 {
				return nil
			}
		}
		return s.Deliver(ctx, evs...)
	}
}

// cursorEarly stores the last event of a page, with its cursor, before the others.
func cursorEarly(m *mutant) {
	m.deliver = func(ctx context.Context, s bridge.Sink, evs []bridge.Event) error {
		last := len(evs) - 1
		if err := s.Deliver(ctx, evs[last]); err != nil {
			return err
		}
		return s.Deliver(ctx, evs[:last]...)
	}
}

func noCascade(m *mutant) {
	m.deliver = each(func(ev bridge.Event) []bridge.Event {
		if r, ok := ev.(*bridge.Removal); ok {
			r.Cascade = false
		}
		return []bridge.Event{ev}
	})
}

// ownReactions takes what we did ourselves for news.
func ownReactions(m *mutant) {
	m.deliver = each(func(ev bridge.Event) []bridge.Event {
		if r, ok := ev.(*bridge.Reactions); ok {
			r.Present = append(r.Present, bridge.Reaction{User: "bot-relay", Emoji: "👍", Time: r.Time})
		}
		return []bridge.Event{ev}
	})
}

func changingCaps(m *mutant) {
	var mu sync.Mutex
	n := 0
	m.caps = func(c bridge.Capabilities) bridge.Capabilities {
		mu.Lock()
		defer mu.Unlock()
		n++
		c.MaxText += n
		return c
	}
}

// typingAsMessage stores that somebody types.
func typingAsMessage(m *mutant) {
	m.types = func(s bridge.Sink, t bridge.Typing) {
		ev := &bridge.ChatChange{Info: bridge.ChatInfo{ID: t.Chat, Name: "x", Slug: "x"}}
		ev.Meta = bridge.Meta{Chat: t.Chat, Sender: t.Sender, Time: time.Now(), Key: "typing"}
		_ = s.Deliver(context.Background(), ev)
		s.Typing(t)
	}
}

// members changes each list of members.
func members(f func(*bridge.MemberList)) func(*mutant) {
	return func(m *mutant) { m.members = f }
}

// confideInPublic also writes into a chat what was for one person.
func confideInPublic(m *mutant) {
	m.confide = func(c mutantClient, _ bridge.UserID, text string, next func() error) error {
		_, err := c.powers.Send(context.Background(), &bridge.Outgoing{
			Key: "confided", Chat: m.last, Author: bridge.Author{Name: "Steg"},
			Content: &event.MessageEventContent{MsgType: event.MsgText, Body: text},
		})
		return errors.Join(err, next())
	}
}
