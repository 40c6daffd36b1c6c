package bridgefake

import (
	"context"
	"path"
	"strings"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// The methods of this file are the network's interface for clients. Each is one
// call and passes enter.

func (n *Network) connect(ctx context.Context, id bridge.LoginID) (*login, *conn, error) {
	if _, err := n.enter(ctx, Call{Op: "connect", Login: id}); err != nil {
		return nil, nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.login(id)
	c := &conn{wake: make(chan struct{}, 1)}
	l.conns[c] = struct{}{}
	return l, c, nil
}

func (n *Network) disconnect(l *login, c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l.drop(c)
}

// since lists the changes of a chat after from, one page. The text of what was
// deleted meanwhile is not told any more: such changes are left out.
func (n *Network) since(ctx context.Context, id bridge.LoginID, chat bridge.ChatID, from int) (page []change, more bool, err error) {
	c, _, err := n.open(ctx, Call{Op: "since", Login: id, Chat: chat})
	if err != nil {
		return nil, false, err
	}
	defer n.mu.Unlock()
	for _, ch := range c.log[min(from, len(c.log)):] {
		if len(page) == n.opts.Page {
			return page, true, nil
		}
		if (ch.kind == changePost || ch.kind == changeEdit) && ch.msg.gone {
			continue
		}
		page = append(page, ch)
	}
	return page, false, nil
}

// sendReq is a message as a client sends it.
type sendReq struct {
	key    bridge.Key
	author string
	text   string
	root   bridge.MessageID
	hop    int
	files  []File
}

func (n *Network) send(ctx context.Context, id bridge.LoginID, chat bridge.ChatID, r sendReq) (bridge.Receipt, error) {
	c, lost, err := n.open(ctx, Call{Op: "send", Login: id, Chat: chat})
	if err != nil {
		return bridge.Receipt{}, err
	}
	m, err := n.sendIn(c, n.login(id), r)
	var echoes []<-chan struct{}
	if l := n.login(id); err == nil && l.echoFirst {
		for cn := range l.conns {
			for _, p := range cn.queue {
				if p.change.msg == m && p.done != nil {
					echoes = append(echoes, p.done)
				}
			}
		}
	}
	n.mu.Unlock()
	for _, e := range echoes {
		select {
		case <-e:
		case <-ctx.Done():
			return bridge.Receipt{}, ctx.Err()
		}
	}
	if lost {
		return bridge.Receipt{}, errBroken
	}
	if err != nil {
		return bridge.Receipt{}, err
	}
	return receipt(m), nil
}

func (n *Network) sendIn(c *chat, l *login, r sendReq) (*message, error) {
	switch {
	case c.keys[r.key] != nil:
		return c.keys[r.key], nil
	case c.info.Gone, l.secrets > 0 && !c.people[l.user]:
		return nil, &status{code: codeForbidden}
	case len([]rune(r.text)) > n.opts.MaxText:
		return nil, &status{code: codeTooLarge}
	case c.badRoot(r.root):
		return nil, &status{code: codeNotFound}
	}
	if l.secrets > 0 { // speaks for itself
		r.author = n.users[l.user].info.Name
	}
	return n.post(c, Message{
		User: l.user, Author: r.author, Text: r.text, Files: n.keep(r.files), Root: r.root, Login: l.id, Key: r.key, Hop: r.hop,
	}), nil
}

// find looks for a message that the login sent with key, not before since.
func (n *Network) find(
	ctx context.Context, id bridge.LoginID, chat bridge.ChatID, key bridge.Key, since time.Time,
) (r bridge.Receipt, found bool, err error) {
	return n.findBy(ctx, id, id, chat, key, since)
}

func (n *Network) editBy(ctx context.Context, id bridge.LoginID, chat bridge.ChatID, target bridge.MessageID, key bridge.Key, text string) error {
	c, lost, err := n.open(ctx, Call{Op: "edit", Login: id, Chat: chat})
	if err != nil {
		return err
	}
	defer n.mu.Unlock()
	m := c.live(target)
	switch {
	case m == nil:
		return &status{code: codeNotFound}
	case m.Login != id, c.info.Gone:
		return &status{code: codeForbidden}
	case m.editKey != key:
		n.edit(c, m, change{by: n.login(id).user, login: id, key: key, text: text, files: m.Files})
	}
	if lost {
		return errBroken
	}
	return nil
}

func (n *Network) removeBy(ctx context.Context, id bridge.LoginID, chat bridge.ChatID, target bridge.MessageID, key bridge.Key) error {
	c, lost, err := n.open(ctx, Call{Op: "remove", Login: id, Chat: chat})
	if err != nil {
		return err
	}
	defer n.mu.Unlock()
	m := c.live(target)
	if m == nil {
		return &status{code: codeNotFound}
	}
	n.remove(c, m, change{by: n.login(id).user, login: id, key: key})
	if lost {
		return errBroken
	}
	return nil
}

func (n *Network) chatInfo(ctx context.Context, id bridge.LoginID, chat bridge.ChatID) (bridge.ChatInfo, error) {
	c, _, err := n.open(ctx, Call{Op: "chat", Login: id, Chat: chat})
	if err != nil {
		return bridge.ChatInfo{}, err
	}
	defer n.mu.Unlock()
	return c.info, nil
}

func (n *Network) userInfo(ctx context.Context, id bridge.LoginID, who bridge.UserID) (bridge.UserInfo, []byte, error) {
	if _, err := n.enter(ctx, Call{Op: "user", Login: id}); err != nil {
		return bridge.UserInfo{}, nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	u := n.users[who]
	if u == nil {
		return bridge.UserInfo{}, nil, &status{code: codeNotFound}
	}
	return u.info, u.avatar, nil
}

// resolve lists the chats whose ref matches; see [bridge.Resolver].
func (n *Network) resolve(ctx context.Context, id bridge.LoginID, ref string) ([]bridge.ChatInfo, error) {
	if _, err := n.enter(ctx, Call{Op: "resolve", Login: id}); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	wild := strings.Contains(ref, "*")
	pattern := strings.NewReplacer(`\`, `\\`, "[", `\[`, "?", `\?`).Replace(ref)
	var out []bridge.ChatInfo
	for _, c := range n.order {
		ok, err := path.Match(pattern, c.info.Ref)
		if err != nil {
			return nil, &status{code: codeRejected}
		}
		if ok && (!c.info.Private || !wild && c.admit[id]) && !c.info.Gone {
			out = append(out, c.info)
		}
	}
	if len(out) == 0 && !wild {
		return nil, &status{code: codeNotFound}
	}
	return out, nil
}

// join puts the login into a chat and tells the number of its last change.
func (n *Network) join(ctx context.Context, id bridge.LoginID, chat bridge.ChatID) (int, error) {
	if _, err := n.enter(ctx, Call{Op: "join", Login: id, Chat: chat}); err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.chats[chat]
	switch {
	case c == nil:
		return 0, &status{code: codeNotFound}
	case c.info.Private && !c.admit[id]:
		return 0, &status{code: codeForbidden}
	}
	c.in[id] = len(c.log)
	return len(c.log), nil
}

// open enters a call about a chat that the login may read. Without error mu is
// held on return.
func (n *Network) open(ctx context.Context, call Call) (c *chat, lost bool, err error) {
	lost, err = n.enter(ctx, call)
	if err != nil {
		return nil, false, err
	}
	n.mu.Lock()
	c = n.chats[call.Chat]
	if c == nil || c.info.Private && !c.admit[call.Login] {
		n.mu.Unlock()
		return nil, false, &status{code: codeNotFound}
	}
	return c, lost, nil
}
