package bridgefake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

var _ bridge.MemberLister = (*client)(nil)

// Enter lets people into a chat. Who writes is in it without being told of.
func (n *Network) Enter(id bridge.ChatID, who ...bridge.UserID) {
	n.changeMembers(id, who, func(c *chat) {
		for _, u := range who {
			c.people[u] = true
		}
	})
}

// Exit takes people out of a chat.
func (n *Network) Exit(id bridge.ChatID, who ...bridge.UserID) {
	n.changeMembers(id, nil, func(c *chat) {
		for _, u := range who {
			delete(c.people, u)
		}
	})
}

// ExitUnseen takes somebody out of a chat without a word, as networks do.
func (n *Network) ExitUnseen(id bridge.ChatID, who bridge.UserID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.chats[id]; c != nil {
		delete(c.people, who)
		c.crowd++
	}
}

func (n *Network) changeMembers(id bridge.ChatID, joined []bridge.UserID, f func(*chat)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.chats[id]; c != nil {
		f(c)
		c.crowd++
		n.record(c, change{kind: changeMembers, joined: joined})
	}
}

// Crowd makes many people and lets them into a chat.
func (n *Network) Crowd(id bridge.ChatID, count int) []bridge.UserID {
	who := make([]bridge.UserID, count)
	for i := range who {
		who[i] = n.NewUser("Person " + strconv.Itoa(i))
	}
	n.Enter(id, who...)
	return who
}

// CloseAccount closes a person's account, or opens it again.
func (n *Network) CloseAccount(who bridge.UserID, closed bool) {
	n.mu.Lock()
	for _, c := range n.order {
		if c.people[who] {
			c.crowd++
		}
	}
	n.mu.Unlock()
	n.changeUser(who, func(u *user) { u.info.Gone = closed })
}

// Members implements [bridge.MemberLister].
func (c *client) Members(ctx context.Context, chat bridge.ChatID, known string) (*bridge.MemberList, error) {
	ch, _, err := c.net.open(ctx, Call{Op: "members", Login: c.id, Chat: chat})
	if err != nil {
		return nil, fmt.Errorf("list members: %w", classify(err))
	}
	defer c.net.mu.Unlock()
	sign := strconv.Itoa(ch.crowd)
	if sign == known {
		return &bridge.MemberList{Sign: sign, Same: true}, nil
	}
	list := &bridge.MemberList{Sign: sign, People: []bridge.UserInfo{c.net.users[c.net.login(c.id).user].info}}
	for _, id := range slices.Sorted(maps.Keys(ch.people)) {
		if info := c.net.users[id].info; !info.Gone {
			list.People = append(list.People, info)
		}
	}
	c.net.lists++
	return list, nil
}

// Lists counts how often a whole list of members was read.
func (n *Network) Lists() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lists
}

// Enter implements [bridgetest.Remote].
func (r *Remote) Enter(_ testing.TB, user bridge.UserID, chat bridge.ChatID) { r.net.Enter(chat, user) }

// Exit implements [bridgetest.Remote].
func (r *Remote) Exit(_ testing.TB, user bridge.UserID, chat bridge.ChatID) { r.net.Exit(chat, user) }

// Crowd implements [bridgetest.Remote].
func (r *Remote) Crowd(_ testing.TB, chat bridge.ChatID, count int) []bridge.UserID {
	return r.net.Crowd(chat, count)
}

// CloseAccount implements [bridgetest.Remote].
func (r *Remote) CloseAccount(_ testing.TB, user bridge.UserID) { r.net.CloseAccount(user, true) }

// NewProgram makes an account that is no person's.
func (n *Network) NewProgram(name string) bridge.UserID {
	id := n.NewUser(name)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.users[id].info.Bot = true
	return id
}
