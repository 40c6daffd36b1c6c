package bridgetest

import (
	"slices"

	"github.com/steg-bridge/steg/core/bridge"
)

func memberCases() []Case {
	return []Case{
		{Name: "list", unless: needMembers, run: membersList},
		{Name: "long_list", unless: needMembers, run: membersLong},
		{Name: "sign", unless: needMembers, run: membersSign},
		{Name: "hints", unless: needMembers, run: membersHints},
		{Name: "hints_while_away", unless: needMembers, run: membersAway},
		{Name: "closed_account", unless: needMembers, run: membersClosed},
		{Name: "of_a_chat_not_for_us", unless: needMembers, run: membersPrivate},
	}
}

func needMembers(c bridge.Capabilities) string { return unless(c.Members, "no list of members") }

// tryMembers reads a list once.
func (k *kit) tryMembers(chat bridge.ChatID, known string) (*bridge.MemberList, error) {
	k.tb.Helper()
	lister, ok := k.client.(bridge.MemberLister)
	if !ok {
		k.tb.Fatalf("the client is no MemberLister")
	}
	ctx, cancel := k.settle()
	defer cancel()
	list, err := lister.Members(ctx, chat, known)
	return list, k.noted(err)
}

func (k *kit) members(chat bridge.ChatID, known string) *bridge.MemberList {
	k.tb.Helper()
	list, err := k.tryMembers(chat, known)
	if err != nil {
		k.tb.Fatalf("Members: %v", err)
	}
	return list
}

// listed finds somebody on a list.
func listed(list *bridge.MemberList, user bridge.UserID) (bridge.UserInfo, bool) {
	i := slices.IndexFunc(list.People, func(u bridge.UserInfo) bool { return u.ID == user })
	if i < 0 {
		return bridge.UserInfo{}, false
	}
	return list.People[i], true
}

func membersList(k *kit) {
	chat := k.chat()
	kim, lou, stranger := k.user("Kim"), k.user("Lou"), k.user("Stranger")
	k.remote.Enter(k.tb, kim, chat)
	k.remote.Enter(k.tb, lou, chat)
	list := k.members(chat, "")
	for _, who := range []bridge.UserID{kim, lou} {
		info, ok := listed(list, who)
		if !ok || info.Bot || info.Gone {
			k.tb.Errorf("on the list is %+v, want %q, no program", info, who)
		}
		if want := k.readUser(who); info.Name != "" && info != *want {
			k.tb.Errorf("the list tells %+v, User tells %+v", info, *want)
		}
	}
	if _, ok := listed(list, stranger); ok {
		k.tb.Errorf("the list holds somebody who is not in the chat")
	}
	if list.Same {
		k.tb.Errorf("a first list is the same as none")
	}
	k.remote.Exit(k.tb, lou, chat)
	k.await("who has left is on the list no more", func() bool {
		_, ok := listed(k.members(chat, ""), lou)
		return !ok
	})
}

// A list that has several pages on every network we know is complete.
func membersLong(k *kit) {
	const count = 450
	chat := k.chat()
	crowd := k.remote.Crowd(k.tb, chat, count)
	on := map[bridge.UserID]int{}
	for _, who := range k.members(chat, "").People {
		on[who.ID]++
	}
	missing, twice := 0, 0
	for _, who := range crowd {
		if on[who] == 0 {
			missing++
		}
	}
	for _, n := range on {
		if n > 1 {
			twice++
		}
	}
	if missing > 0 || twice > 0 {
		k.tb.Errorf("of %d people %d are missing, %d are listed twice", count, missing, twice)
	}
}

// The sign changes with the list, and the same list is not read again.
func membersSign(k *kit) {
	chat := k.chat()
	kim, lou := k.user("Kim"), k.user("Lou")
	k.remote.Enter(k.tb, kim, chat)
	first := k.members(chat, "")
	if first.Sign == "" {
		k.tb.Skipf("SKIPPED: does not apply: lists have no sign")
	}
	if again := k.members(chat, first.Sign); !again.Same || len(again.People) > 0 {
		k.tb.Errorf("an unchanged list of %d people is read again", len(again.People))
	}
	k.remote.Enter(k.tb, lou, chat)
	k.await("the changed list is read", func() bool {
		list := k.members(chat, first.Sign)
		_, ok := listed(list, lou)
		return ok && !list.Same
	})
}

// hinted waits for a hint: of a chat, and if who is not "" that they have joined.
func (k *kit) hinted(what string, chat bridge.ChatID, after int, who bridge.UserID) {
	k.tb.Helper()
	k.await(what, func() bool {
		return slices.ContainsFunc(k.sink.Events(chat)[after:], func(ev bridge.Event) bool {
			m, ok := ev.(*bridge.Members)
			return ok && (who == "" || slices.Contains(m.Joined, who))
		})
	})
}

func membersHints(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	k.startConnected()
	k.fence(kim, chat)
	seen := len(k.sink.Events(chat))
	k.remote.Enter(k.tb, lou, chat)
	k.hinted("a hint tells who has joined", chat, seen, lou)
	seen = len(k.sink.Events(chat))
	k.remote.Exit(k.tb, lou, chat)
	k.hinted("a hint tells that somebody has left", chat, seen, "")
}

func membersAway(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	k.start()
	k.fence(kim, chat)
	k.restart()
	seen := len(k.sink.Events(chat))
	k.remote.Enter(k.tb, lou, chat)
	k.start()
	k.hinted("a hint tells who has joined meanwhile", chat, seen, lou)
	k.wantSame(kim, chat)
}

// A closed account is on no list, and told of where people are told of.
func membersClosed(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	k.remote.Enter(k.tb, lou, chat)
	k.startConnected()
	k.fence(kim, chat)
	k.remote.CloseAccount(k.tb, lou)
	k.await("a UserChange tells of the closed account", func() bool {
		return slices.ContainsFunc(k.sink.Events(""), func(ev bridge.Event) bool {
			u, ok := ev.(*bridge.UserChange)
			return ok && u.Info.ID == lou && u.Info.Gone
		})
	})
	k.await("the list is without the closed account", func() bool {
		_, ok := listed(k.members(chat, ""), lou)
		return !ok
	})
}

func membersPrivate(k *kit) {
	chat, _ := k.remote.NewChat(k.tb, true)
	_, err := k.tryMembers(chat, "")
	k.wantPermanent("Members of a chat that is not for us", err)
}

// news lists what was stored of a chat, but for hints: who writes joins first on
// some networks.
func (k *kit) news(chat bridge.ChatID) []bridge.Event {
	return slices.DeleteFunc(k.sink.Events(chat), func(ev bridge.Event) bool {
		_, hint := ev.(*bridge.Members)
		return hint
	})
}
