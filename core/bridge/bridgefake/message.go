package bridgefake

import (
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// Message is a message as people on the network see it.
type Message struct {
	ID     bridge.MessageID
	User   bridge.UserID
	Author string // the name shown beside it
	Text   string
	Files  []File
	Root   bridge.MessageID // "" outside threads
	Edited bool
	Time   time.Time
	// Program says that a program wrote it with the person's account.
	Program bool
	// Login, Key and Hop are what a client sent along; zero for people's messages.
	Login bridge.LoginID
	Key   bridge.Key
	Hop   int
}

type message struct {
	Message
	gone      bool
	editKey   bridge.Key
	reactions []bridge.Reaction // of people and logins, oldest first
	pinned    bool
}

type changeKind int

const (
	changePost changeKind = iota
	changeEdit
	changeDelete
	changeReact
	changePin
	changeInfo
	changeGone
	changeMembers
)

// change is one line in the log of a chat.
type change struct {
	kind    changeKind
	seq     int
	time    time.Time
	msg     *message
	joined  []bridge.UserID
	text    string // after the change
	files   []File // likewise
	by      bridge.UserID
	login   bridge.LoginID // the client that did it, "" for people
	key     bridge.Key     // the client's key for it
	cascade bool
	present []bridge.Reaction // after the change
	info    bridge.ChatInfo
}

// Post writes a message as a person.
func (n *Network) Post(by bridge.UserID, chat bridge.ChatID, text string) bridge.MessageID {
	return n.Reply(by, chat, "", text)
}

// PostProgram lets a program write with a person's account.
func (n *Network) PostProgram(by bridge.UserID, id bridge.ChatID, text string) bridge.MessageID {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, u := n.chats[id], n.users[by]
	if c == nil || u == nil {
		return ""
	}
	return n.post(c, Message{User: by, Author: u.info.Name, Text: text, Program: true}).ID
}

// Reply writes a message as a person into the thread of root.
func (n *Network) Reply(by bridge.UserID, id bridge.ChatID, root bridge.MessageID, text string) bridge.MessageID {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, u := n.chats[id], n.users[by]
	if c == nil || u == nil || c.info.Gone || c.badRoot(root) {
		return ""
	}
	if !c.people[by] {
		c.people[by] = true
		c.crowd++
	}
	return n.post(c, Message{User: by, Author: u.info.Name, Text: text, Root: root}).ID
}

// Edit replaces the text of a message.
func (n *Network) Edit(by bridge.UserID, id bridge.ChatID, target bridge.MessageID, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.chats[id]; c != nil {
		if m := c.live(target); m != nil {
			n.edit(c, m, change{by: by, text: text, files: m.Files})
		}
	}
}

// Delete removes a message, and the replies of its thread with it.
func (n *Network) Delete(by bridge.UserID, id bridge.ChatID, target bridge.MessageID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.chats[id]; c != nil {
		if m := c.live(target); m != nil {
			n.remove(c, m, change{by: by})
		}
	}
}

// Messages lists what people see in a chat, oldest first.
func (n *Network) Messages(id bridge.ChatID) []Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.chats[id]
	if c == nil {
		return nil
	}
	var out []Message
	for _, m := range c.msgs {
		if !m.gone {
			out = append(out, m.Message)
		}
	}
	return out
}

// ForgetKeys makes the network forget all client-chosen keys, as networks do
// after a while: a repeated send is a second message unless the client looks.
func (n *Network) ForgetKeys() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.order {
		clear(c.keys)
	}
}

func (c *chat) live(id bridge.MessageID) *message {
	if m := c.byID[id]; m != nil && !m.gone {
		return m
	}
	return nil
}

// badRoot reports that root cannot have replies.
func (c *chat) badRoot(root bridge.MessageID) bool {
	if root == "" {
		return false
	}
	m := c.live(root)
	return m == nil || m.Root != ""
}

// post, edit, remove and record need mu held.

func (n *Network) post(c *chat, m Message) *message {
	m.ID = bridge.MessageID(n.newID("m"))
	m.Time = n.opts.Now().UTC()
	msg := &message{Message: m}
	c.msgs = append(c.msgs, msg)
	c.byID[m.ID] = msg
	if m.Key != "" {
		c.keys[m.Key] = msg
	}
	n.record(c, change{kind: changePost, msg: msg, text: m.Text, files: m.Files, by: m.User, login: m.Login, key: m.Key})
	return msg
}

func (n *Network) edit(c *chat, m *message, ch change) {
	m.Text, m.Files, m.Edited, m.editKey = ch.text, ch.files, true, ch.key
	ch.kind, ch.msg = changeEdit, m
	n.record(c, ch)
}

func (n *Network) remove(c *chat, m *message, ch change) {
	for _, reply := range c.msgs {
		if reply.Root == m.ID && !reply.gone {
			reply.gone = true
			ch.cascade = true
		}
	}
	m.gone = true
	for _, f := range m.Files {
		delete(n.files, f.ID)
	}
	ch.kind, ch.msg = changeDelete, m
	n.record(c, ch)
}

func (n *Network) record(c *chat, ch change) {
	ch.seq = len(c.log) + 1
	ch.time = n.opts.Now().UTC()
	c.log = append(c.log, ch)
	for id, joined := range c.in {
		n.login(id).push(push{chat: c.info.ID, change: ch, seq: ch.seq, joined: joined})
	}
	n.announce()
}
