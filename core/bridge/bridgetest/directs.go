package bridgetest

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

// RemoteDirects is a [Remote] of a network with direct chats.
type RemoteDirects interface {
	RemotePuppets
	// Direct returns the chat of just these people, which the first of them makes when
	// there is none.
	Direct(tb testing.TB, people ...bridge.UserID) bridge.ChatID
}

func needDirects(c bridge.Capabilities) string { return unless(c.Directs, "no direct chats") }

func directCases() []Case {
	return []Case{
		{Name: "told_live", unless: needDirects, run: directLive},
		{Name: "told_after_being_away", unless: needDirects, run: directAway},
		{Name: "group", unless: needDirects, run: directGroup},
		{Name: "unwanted_stays_out", unless: needDirects, run: directUnwanted},
		{Name: "opened", unless: needDirects, run: directOpened},
	}
}

// Direct implements [bridge.Sink].
func (s *Sink) Direct(_ context.Context, d bridge.Direct) (bool, error) {
	s.called()
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(d.People)
	s.directs[d.Chat] = d
	if _, linked := s.links[d.Chat]; !linked && s.wantDirects {
		s.links[d.Chat] = d.From
	}
	s.announce()
	return s.wantDirects, nil
}

// WantDirects makes the sink follow each direct chat that it is told of.
func (s *Sink) WantDirects() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wantDirects = true
}

// Directs are those that it was told of.
func (s *Sink) Directs() map[bridge.ChatID]bridge.Direct {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.directs)
}

func (k *kit) direct(people ...bridge.UserID) bridge.ChatID {
	k.tb.Helper()
	r, ok := k.env.Remote.(RemoteDirects)
	if !ok {
		k.tb.Fatalf("the bridge declares direct chats, but its driver lacks them")
	}
	return r.Direct(k.tb, people...)
}

// listen makes a puppet and turns the kit to it: its client runs, its chats are the
// sink's.
func (k *kit) listen(want bool) *bridge.Puppet {
	k.tb.Helper()
	p := k.puppet(k.persona("Pia"), nil)
	if want {
		k.sink.WantDirects()
	}
	k.env.Login, k.client = p.Login, k.as(p)
	return p
}

func (k *kit) wantDirect(chat bridge.ChatID, people ...bridge.UserID) {
	k.tb.Helper()
	slices.Sort(people)
	k.await("the direct chat is told", func() bool { _, ok := k.sink.Directs()[chat]; return ok })
	if d := k.sink.Directs()[chat]; !slices.Equal(d.People, people) {
		k.tb.Errorf("in it are %v, want %v", d.People, people)
	}
}

func directLive(k *kit) {
	kim := k.user("Kim")
	p := k.listen(true)
	k.startConnected()
	chat := k.direct(kim, p.User)
	first := k.post(kim, chat, k.say("first"))
	k.awaitMessage(chat, first)
	k.wantDirect(chat, kim)
	k.wantSame(kim, chat)
	if n := len(k.sink.Directs()); n != 1 {
		k.tb.Errorf("%d direct chats are told, but people have only one", n)
	}
	// Answers go into the chat, and are known as the account's own.
	m := k.out(chat, k.say("answer"))
	got, err := k.sendAs(k.client, m)
	if err != nil {
		k.tb.Fatalf("Send into a direct chat: %v", err)
	}
	if shown, ok := k.remoteMessage(chat, got.ID); !ok || shown.User != p.User {
		k.tb.Errorf("the answer is by %s", shown.User)
	}
	k.fence(kim, chat)
	for _, heard := range k.sink.Messages(chat) {
		if heard.ID == got.ID && heard.Echo != m.Key {
			k.tb.Errorf("the answer came back with Echo %q", heard.Echo)
		}
	}
}

func directAway(k *kit) {
	kim, lou := k.user("Kim"), k.user("Lou")
	p := k.listen(true)
	k.startConnected()
	known := k.direct(kim, p.User)
	k.fence(kim, known)
	k.restart()
	fresh := k.direct(lou, p.User)
	k.post(lou, fresh, k.say("while away"))
	k.post(kim, known, k.say("while away"))
	k.start()
	k.wantDirect(fresh, lou)
	k.wantSame(lou, fresh)
	k.wantSame(kim, known)
}

func directGroup(k *kit) {
	kim, lou := k.user("Kim"), k.user("Lou")
	p := k.listen(true)
	k.startConnected()
	chat := k.direct(kim, lou, p.User)
	k.awaitMessage(chat, k.post(lou, chat, k.say("to all")))
	k.wantDirect(chat, kim, lou)
	k.wantSame(kim, chat)
}

func directUnwanted(k *kit) {
	kim := k.user("Kim")
	p := k.listen(false)
	k.startConnected()
	chat := k.direct(kim, p.User)
	k.post(kim, chat, k.say("psst"))
	k.wantDirect(chat, kim)
	k.remote.Cut(k.tb)
	k.post(kim, chat, k.say("psst"))
	k.restart()
	k.startConnected()
	if got := k.sink.Messages(chat); len(got) != 0 {
		k.tb.Errorf("%d messages of a chat that nobody wants were delivered", len(got))
	}
}

func directOpened(k *kit) {
	kim := k.user("Kim")
	p := k.listen(true)
	k.startConnected()
	opener, ok := k.client.(bridge.DirectOpener)
	if !ok {
		k.tb.Fatalf("the client opens no direct chats")
	}
	ctx, cancel := k.settle()
	defer cancel()
	for range 2 { // the second time it is there
		d, err := opener.OpenDirect(ctx, []bridge.UserID{kim})
		if k.noted(err) != nil {
			k.tb.Fatalf("OpenDirect: %v", err)
		}
		if chat := k.direct(kim, p.User); d.Chat != chat || !slices.Equal(d.People, []bridge.UserID{kim}) {
			k.tb.Errorf("opened %s with %v, want %s", d.Chat, d.People, chat)
		}
		if _, err := k.sendAs(k.client, k.out(d.Chat, k.say("hello"))); err != nil {
			k.tb.Fatalf("Send: %v", err)
		}
	}
	if _, err := opener.OpenDirect(ctx, []bridge.UserID{"nobody"}); k.noted(err) == nil || bridge.Classify(err) != bridge.ClassPermanent {
		k.tb.Errorf("a chat with nobody: %v", err)
	}
}
