package bridgetest

import (
	"slices"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

// RemoteSpaces is a [Remote] of a network with spaces.
type RemoteSpaces interface {
	// NewSpace makes a space that every account may enter, with the login in it.
	NewSpace(tb testing.TB, name string) bridge.SpaceID
	// NewChatIn makes a chat in a space that is not private. The login is not in it.
	NewChatIn(tb testing.TB, space bridge.SpaceID) bridge.ChatID
	// RenameSpace changes a space's display name.
	RenameSpace(tb testing.TB, space bridge.SpaceID, name string)
	// OpenSpace lets every account enter a space, or only those who are let in.
	OpenSpace(tb testing.TB, space bridge.SpaceID, open bool)
	// ArchiveSpace closes a space with all its chats, or opens it again.
	ArchiveSpace(tb testing.TB, space bridge.SpaceID, archived bool)
}

func needSpaces(c bridge.Capabilities) string { return unless(c.Spaces, "no spaces") }

func spaceCases() []Case {
	return []Case{
		{Name: "of_a_chat", unless: needSpaces, run: spacesOfChat},
		{Name: "change", unless: needSpaces, run: spacesChange},
		{Name: "unknown", unless: needSpaces, run: spacesUnknown},
		{Name: "archived", unless: needSpaces, run: spacesArchived},
		{Name: "archived_while_away", unless: needSpaces, run: spacesArchivedAway},
	}
}

// SpaceChanged implements [bridge.Sink].
func (s *Sink) SpaceChanged(space bridge.SpaceID) {
	s.called()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spaces[space]++
	s.announce()
}

// SpaceTold counts how often it was told that a space has changed.
func (s *Sink) SpaceTold(space bridge.SpaceID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spaces[space]
}

func (k *kit) spaces() RemoteSpaces {
	k.tb.Helper()
	r, ok := k.env.Remote.(RemoteSpaces)
	if !ok {
		k.tb.Fatalf("the bridge declares spaces, but its driver lacks them")
	}
	return r
}

// readSpace reads a space that must be there.
func (k *kit) readSpace(space bridge.SpaceID) *bridge.SpaceInfo {
	k.tb.Helper()
	info, err := k.trySpace(space)
	if err != nil {
		k.tb.Fatalf("Space: %v", err)
	}
	return info
}

func (k *kit) trySpace(space bridge.SpaceID) (*bridge.SpaceInfo, error) {
	k.tb.Helper()
	spacer, ok := k.client.(bridge.Spacer)
	if !ok {
		k.tb.Fatalf("the client is no Spacer")
	}
	ctx, cancel := k.settle()
	defer cancel()
	info, err := spacer.Space(ctx, space)
	return info, k.noted(err)
}

// chatInSpace makes a space of its own with a linked chat.
func (k *kit) chatInSpace() (bridge.SpaceID, bridge.ChatID) {
	k.tb.Helper()
	r := k.spaces()
	space := r.NewSpace(k.tb, "Team "+canary)
	chat := r.NewChatIn(k.tb, space)
	k.link(chat)
	return space, chat
}

func spacesOfChat(k *kit) {
	space, chat := k.chatInSpace()
	if got := k.readChat(chat).Space; got != space {
		k.tb.Errorf("the chat is in the space %q, want %q", got, space)
	}
	info := k.readSpace(space)
	if info.ID != space || info.Name != "Team "+canary || !info.Open {
		k.tb.Errorf("Space is %+v, want ID %q, its name, open", info, space)
	}
	if !validSlug(info.Slug) || len(info.Slug) > 64 {
		k.tb.Errorf("Slug %q is not 1 to 64 of [a-z0-9._-]", info.Slug)
	}
}

func spacesChange(k *kit) {
	r := k.spaces()
	space, chat := k.chatInSpace()
	kim := k.user("Kim")
	k.startConnected()
	k.fence(kim, chat)
	for _, step := range []struct {
		what string
		act  func()
		is   func(*bridge.SpaceInfo) bool
	}{
		{"its name", func() { r.RenameSpace(k.tb, space, "Neu "+canary) }, func(i *bridge.SpaceInfo) bool { return i.Name == "Neu "+canary }},
		{"that it is closed", func() { r.OpenSpace(k.tb, space, false) }, func(i *bridge.SpaceInfo) bool { return !i.Open }},
		{"that it is open", func() { r.OpenSpace(k.tb, space, true) }, func(i *bridge.SpaceInfo) bool { return i.Open }},
	} {
		before := k.sink.SpaceTold(space)
		step.act()
		k.await("a change of the space is told: "+step.what, func() bool { return k.sink.SpaceTold(space) > before })
		if info := k.readSpace(space); !step.is(info) {
			k.tb.Errorf("the space does not tell %s: %+v", step.what, info)
		}
	}
	k.wantSame(kim, chat) // what a space is called is no message
}

func spacesUnknown(k *kit) {
	_, err := k.trySpace("nospace0000000000000000000")
	k.wantIs("Space of nothing", err, bridge.ErrNotFound)
}

// changesOf counts the ChatChanges that say that a chat is not gone.
func (k *kit) changesOf(chat bridge.ChatID) (n int) {
	for _, ev := range k.sink.Events(chat) {
		if c, ok := ev.(*bridge.ChatChange); ok && !c.Info.Gone {
			n++
		}
	}
	return n
}

// gonesOf counts the ChatGones.
func (k *kit) gonesOf(chat bridge.ChatID) int {
	return len(slices.DeleteFunc(k.sink.Events(chat), func(ev bridge.Event) bool {
		_, ok := ev.(*bridge.ChatGone)
		return !ok
	}))
}

// A space that is archived takes all its chats along, and brings them back. Others go
// on meanwhile.
func spacesArchived(k *kit) {
	r := k.spaces()
	space, chat := k.chatInSpace()
	kim, other := k.user("Kim"), k.chat()
	k.startConnected()
	k.fence(kim, chat)
	for range 2 {
		changes, gones := k.changesOf(chat), k.gonesOf(chat)
		r.ArchiveSpace(k.tb, space, true)
		k.await("a ChatGone tells that the space was archived", func() bool { return k.gonesOf(chat) > gones })
		if !k.readChat(chat).Gone {
			k.tb.Errorf("Gone is not set")
		}
		k.wantSame(kim, other)
		r.ArchiveSpace(k.tb, space, false)
		k.await("a ChatChange tells that the chat is back", func() bool { return k.changesOf(chat) > changes })
		k.post(kim, chat, k.say("back again"))
		k.wantSame(kim, chat)
	}
}

func spacesArchivedAway(k *kit) {
	r := k.spaces()
	space, chat := k.chatInSpace()
	kim := k.user("Kim")
	k.startConnected()
	k.fence(kim, chat)
	for range 2 {
		changes, gones := k.changesOf(chat), k.gonesOf(chat)
		k.restart()
		r.ArchiveSpace(k.tb, space, true)
		k.start()
		k.await("a ChatGone tells that the space was archived", func() bool { return k.gonesOf(chat) > gones })
		k.restart()
		r.ArchiveSpace(k.tb, space, false)
		k.start()
		k.await("a ChatChange tells that the chat is back", func() bool { return k.changesOf(chat) > changes })
	}
	k.post(kim, chat, k.say("back again"))
	k.wantSame(kim, chat)
}
