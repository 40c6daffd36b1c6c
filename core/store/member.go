package store

import (
	"context"

	"github.com/jmoiron/sqlx"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

const putMember = `INSERT INTO member (school, room, user_id, membership, name, avatar) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (room, user_id, school, bridge) DO UPDATE SET membership = excluded.membership, name = excluded.name, avatar = excluded.avatar`

// Members lists who has joined a room or is invited, as far as known.
func (s *Store) Members(ctx context.Context, room id.RoomID) ([]Member, error) {
	var ms []Member
	err := s.r.SelectContext(ctx, &ms, s.r.Rebind("SELECT school, room, user_id, membership, name, avatar FROM member WHERE room = ? ORDER BY user_id"), room)
	return ms, wrap("list members", err)
}

// SetMembers replaces the members of a room; from then on they are known.
// Memberships other than join and invite are left out.
func (s *Store) SetMembers(ctx context.Context, school bridge.SchoolID, room id.RoomID, members []Member) error {
	return s.inTx(ctx, "store members", func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := exec(ctx, tx, "DELETE FROM member WHERE room = ? AND school = ?", room, school); err != nil {
			return err
		}
		for _, m := range members {
			if !m.present() {
				continue
			}
			if _, err := exec(ctx, tx, putMember, school, clean(room), clean(m.User), m.Membership, clean(m.Name), clean(m.Avatar)); err != nil {
				return err
			}
		}
		_, err := exec(ctx, tx, "INSERT INTO room_known (school, room) VALUES (?, ?) ON CONFLICT DO NOTHING", school, clean(room))
		return err
	})
}

// SetMember stores one membership, or removes the person when it is neither join
// nor invite.
func (s *Store) SetMember(ctx context.Context, m Member) error {
	var err error
	if m.present() {
		_, err = exec(ctx, s.w, putMember, m.School, clean(m.Room), clean(m.User), m.Membership, clean(m.Name), clean(m.Avatar))
	} else {
		_, err = exec(ctx, s.w, "DELETE FROM member WHERE room = ? AND user_id = ?", m.Room, m.User)
	}
	return wrap("store member", err)
}

func (m Member) present() bool { return m.Membership == "join" || m.Membership == "invite" }

// MembersKnown says whether the members of a room were stored in full once.
func (s *Store) MembersKnown(ctx context.Context, room id.RoomID) (bool, error) {
	var n int
	err := s.r.GetContext(ctx, &n, s.r.Rebind("SELECT COUNT(*) FROM room_known WHERE room = ?"), room)
	return n > 0, wrap("read members", err)
}
