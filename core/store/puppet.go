package store

import (
	"context"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

const selectPuppet = "SELECT bridge, mxid, remote_user, login, secret, name, avatar_key FROM puppet WHERE school = '' AND bridge = ?"

// Puppet reads a person's account on a bridge. [ErrNoRow] when there is none.
func (s *Store) Puppet(ctx context.Context, br bridge.ID, mxid id.UserID) (Puppet, error) {
	return s.puppet(ctx, "mxid = ?", br, clean(mxid))
}

// PuppetByUser reads the account that is a certain user of the network. [ErrNoRow]
// when that user is nobody's puppet.
func (s *Store) PuppetByUser(ctx context.Context, br bridge.ID, user bridge.UserID) (Puppet, error) {
	return s.puppet(ctx, "remote_user = ?", br, clean(user))
}

func (s *Store) puppet(ctx context.Context, where string, args ...any) (Puppet, error) {
	var p Puppet
	err := s.r.GetContext(ctx, &p, s.r.Rebind(selectPuppet+" AND "+where), args...)
	return p, wrap("read puppet", err)
}

// Puppets lists the accounts of a bridge.
func (s *Store) Puppets(ctx context.Context, br bridge.ID) ([]Puppet, error) {
	var all []Puppet
	err := s.r.SelectContext(ctx, &all, s.r.Rebind(selectPuppet+" ORDER BY mxid"), br)
	return all, wrap("list puppets", err)
}

// PuppetChats lists the chats that a puppet was let into.
func (s *Store) PuppetChats(ctx context.Context, br bridge.ID, user bridge.UserID) ([]bridge.ChatID, error) {
	var chats []bridge.ChatID
	err := s.r.SelectContext(ctx, &chats, s.r.Rebind(
		"SELECT chat FROM puppet_chat WHERE school = '' AND bridge = ? AND remote_user = ? ORDER BY chat"), br, clean(user))
	return chats, wrap("list chats of a puppet", err)
}

// SavePuppet stores an account. Do so before it speaks for the first time: what
// comes back from it is told by its row.
func (s *Store) SavePuppet(ctx context.Context, p Puppet) error {
	_, err := exec(ctx, s.w, `INSERT INTO puppet (bridge, mxid, remote_user, login, secret, name, avatar_key) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (bridge, mxid, school) DO UPDATE SET remote_user = excluded.remote_user, login = excluded.login, secret = excluded.secret,
name = excluded.name, avatar_key = excluded.avatar_key`,
		p.Bridge, clean(p.MXID), clean(p.User), clean(p.Login), p.Secret, clean(p.Name), clean(p.AvatarKey))
	return wrap("save puppet", err)
}

// PuppetsIn lists the puppets that were let into a chat.
func (s *Store) PuppetsIn(ctx context.Context, br bridge.ID, chat bridge.ChatID) ([]bridge.UserID, error) {
	var users []bridge.UserID
	err := s.r.SelectContext(ctx, &users, s.r.Rebind(
		"SELECT remote_user FROM puppet_chat WHERE school = '' AND bridge = ? AND chat = ? ORDER BY remote_user"), br, clean(chat))
	return users, wrap("list puppets of a chat", err)
}

// PuppetAdmitted notes that a puppet was let into a chat, or, with in false, that it
// was taken out of it.
func (s *Store) PuppetAdmitted(ctx context.Context, br bridge.ID, chat bridge.ChatID, user bridge.UserID, in bool) error {
	query := "DELETE FROM puppet_chat WHERE school = '' AND bridge = ? AND chat = ? AND remote_user = ?"
	if in {
		query = "INSERT INTO puppet_chat (bridge, chat, remote_user) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
	}
	_, err := exec(ctx, s.w, query, br, clean(chat), clean(user))
	return wrap("note a puppet of a chat", err)
}
