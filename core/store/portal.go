package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"github.com/jmoiron/sqlx"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

const portalColumns = `id, school, bridge, chat, ref, slug, name, topic, private, room, own_room, mode, applied, mode_fixed, origin, paused, members, follows, cursor_pos, reader, space, placed`

const insertPortal = `INSERT INTO portal
(school, bridge, chat, ref, slug, name, topic, private, room, own_room, mode, applied, mode_fixed, origin, paused, members, follows, cursor_pos, reader, space, placed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`

// The chat, the school and the bridge of a portal never change.
const updatePortal = `UPDATE portal SET ref = ?, slug = ?, name = ?, topic = ?, private = ?, room = ?, own_room = ?, mode = ?, applied = ?,
mode_fixed = ?, origin = ?, paused = ?, members = ?, follows = ?, cursor_pos = ?, reader = ?, space = ?, placed = ? WHERE id = ?`

// InsertPortal stores a new portal and sets its ID, and its slug when that is
// taken on its bridge. [ErrExists] when the chat
// has a portal, [ErrOtherSchool] when the room belongs to another school.
func (s *Store) InsertPortal(ctx context.Context, p *Portal) error {
	return s.inTx(ctx, "create portal", func(ctx context.Context, tx *sqlx.Tx) error {
		if err := s.changePortals(ctx, tx); err != nil {
			return err
		}
		if err := checkRoom(ctx, tx, p); err != nil {
			return err
		}
		if err := freeSlug(ctx, tx, p); err != nil {
			return err
		}
		return tx.GetContext(ctx, &p.ID, tx.Rebind(insertPortal),
			p.School, p.Bridge, clean(p.Chat), clean(p.Ref), clean(p.Slug), clean(p.Name), clean(p.Topic), p.Private, clean(p.Room),
			p.OwnRoom, p.Mode, p.Applied, p.ModeFixed, p.Origin, clean(p.Paused), clean(p.Members), p.Follows, clean(p.Cursor), clean(p.Reader), clean(p.Space), clean(p.Placed))
	})
}

// freeSlug gives a portal a slug of its own on its bridge: the slug makes the
// alias, and two chats behind one alias would share a room.
func freeSlug(ctx context.Context, tx *sqlx.Tx, p *Portal) error {
	wanted := p.Slug
	for n := 2; ; n++ {
		var taken int
		err := tx.GetContext(ctx, &taken, tx.Rebind("SELECT COUNT(*) FROM portal WHERE bridge = ? AND slug = ?"), p.Bridge, clean(p.Slug))
		if err != nil || taken == 0 {
			return err
		}
		p.Slug = wanted + "-" + strconv.Itoa(n)
	}
}

// UpdatePortal reads a portal, lets change alter it and stores it, in one
// transaction. An error of change is returned and nothing is stored. School,
// bridge and chat stay. [ErrNoRow] when there is no such portal.
func (s *Store) UpdatePortal(ctx context.Context, portal int64, change func(*Portal) error) error {
	return s.inTx(ctx, "change portal", func(ctx context.Context, tx *sqlx.Tx) error {
		if err := s.changePortals(ctx, tx); err != nil {
			return err
		}
		var p Portal
		query := "SELECT " + portalColumns + " FROM portal WHERE id = ?"
		if s.Multi() {
			query += " FOR UPDATE" // cursors move without the revision
		}
		if err := tx.GetContext(ctx, &p, tx.Rebind(query), portal); err != nil {
			return err
		}
		school := p.School
		if err := change(&p); err != nil {
			return err
		}
		p.School = school
		if p.Mode == ModeOff {
			// What is written from now on must not cross when the portal is switched
			// on again: it begins anew then.
			p.Follows, p.Cursor = false, ""
		}
		if err := checkRoom(ctx, tx, &p); err != nil {
			return err
		}
		_, err := exec(ctx, tx, updatePortal, clean(p.Ref), clean(p.Slug), clean(p.Name), clean(p.Topic), p.Private, clean(p.Room),
			p.OwnRoom, p.Mode, p.Applied, p.ModeFixed, p.Origin, clean(p.Paused), clean(p.Members), p.Follows, clean(p.Cursor), clean(p.Reader), clean(p.Space), clean(p.Placed), portal)
		return err
	})
}

// changePortals moves the revision. Its row also makes changes of portals wait
// for each other, so that two of them cannot give one room to two schools.
func (s *Store) changePortals(ctx context.Context, tx *sqlx.Tx) error {
	return s.moveRevision(ctx, tx, kvRevision)
}

func (s *Store) moveRevision(ctx context.Context, tx *sqlx.Tx, name string) error {
	_, err := exec(ctx, tx, `INSERT INTO kv (school, bridge, name, value) VALUES ('', '', ?, '1')
ON CONFLICT (school, bridge, name) DO UPDATE SET value = CAST(CAST(kv.value AS BIGINT) + 1 AS TEXT)`, name)
	return err
}

func checkRoom(ctx context.Context, tx *sqlx.Tx, p *Portal) error {
	if p.Room == "" {
		return nil
	}
	var n int
	if err := tx.GetContext(ctx, &n, tx.Rebind("SELECT COUNT(*) FROM portal WHERE room = ? AND room <> '' AND school <> ?"), p.Room, p.School); err != nil {
		return err
	}
	if n > 0 {
		return ErrOtherSchool
	}
	return nil
}

// Revision is a number that every change of a portal moves, also one made by
// another process.
func (s *Store) Revision(ctx context.Context) (int64, error) { return s.revision(ctx, kvRevision) }

func (s *Store) revision(ctx context.Context, name string) (int64, error) {
	var v string
	err := s.r.GetContext(ctx, &v, s.r.Rebind("SELECT value FROM kv WHERE school = '' AND bridge = '' AND name = ?"), name)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, wrap("read revision", err)
	}
	n, err := strconv.ParseInt(v, 10, 64)
	return n, wrap("read revision", err)
}

// Portal reads one portal. [ErrNoRow] when there is none.
func (s *Store) Portal(ctx context.Context, portal int64) (Portal, error) {
	return s.portal(ctx, "id = ?", portal)
}

// PortalByChat reads the portal of a chat. [ErrNoRow] when there is none.
func (s *Store) PortalByChat(ctx context.Context, br bridge.ID, chat bridge.ChatID) (Portal, error) {
	return s.portal(ctx, "bridge = ? AND chat = ?", br, chat)
}

func (s *Store) portal(ctx context.Context, where string, args ...any) (Portal, error) {
	var p Portal
	err := s.r.GetContext(ctx, &p, s.r.Rebind("SELECT "+portalColumns+" FROM portal WHERE "+where), args...)
	return p, wrap("read portal", err)
}

// Portals lists all portals by their ID.
func (s *Store) Portals(ctx context.Context) ([]Portal, error) { return s.portals(ctx, "id > 0") }

// PortalsByRoom lists the portals of a room by their ID.
func (s *Store) PortalsByRoom(ctx context.Context, room id.RoomID) ([]Portal, error) {
	return s.portals(ctx, "room = ? AND room <> ''", room)
}

// Followed lists the chats of a bridge that an account must read ("" = the bridge's
// own), by ID of their portals, with the cursors of this moment.
func (s *Store) Followed(ctx context.Context, br bridge.ID, reader bridge.UserID) ([]bridge.Followed, error) {
	var out []bridge.Followed
	err := s.r.SelectContext(ctx, &out, s.r.Rebind("SELECT chat, cursor_pos AS cursor FROM portal WHERE bridge = ? AND reader = ? AND follows AND mode <> ? ORDER BY id"), br, reader, ModeOff)
	return out, wrap("list followed chats", err)
}

func (s *Store) portals(ctx context.Context, where string, args ...any) ([]Portal, error) {
	var ps []Portal
	err := s.r.SelectContext(ctx, &ps, s.r.Rebind("SELECT "+portalColumns+" FROM portal WHERE "+where+" ORDER BY id"), args...)
	return ps, wrap("list portals", err)
}
