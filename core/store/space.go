package store

import (
	"context"
	"strconv"

	"github.com/jmoiron/sqlx"
)

const spaceColumns = "id, school, bridge, space, slug, name, topic, open, room, applied"

// Spaces lists all spaces by their ID.
func (s *Store) Spaces(ctx context.Context) ([]Space, error) {
	var out []Space
	err := s.r.SelectContext(ctx, &out, "SELECT "+spaceColumns+" FROM space ORDER BY id")
	return out, wrap("list spaces", err)
}

// InsertSpace stores a new space and sets its ID, and its slug when that is taken by
// another of the school on its bridge. [ErrExists] when the school has the space.
func (s *Store) InsertSpace(ctx context.Context, sp *Space) error {
	return s.inTx(ctx, "create space", func(ctx context.Context, tx *sqlx.Tx) error {
		if err := s.changePortals(ctx, tx); err != nil {
			return err
		}
		wanted := sp.Slug
		for n, taken := 2, 1; ; n++ {
			err := tx.GetContext(ctx, &taken, tx.Rebind("SELECT COUNT(*) FROM space WHERE bridge = ? AND slug = ? AND school = ?"),
				sp.Bridge, clean(sp.Slug), sp.School)
			if err != nil {
				return err
			}
			if taken == 0 {
				break
			}
			sp.Slug = wanted + "-" + strconv.Itoa(n)
		}
		return tx.GetContext(ctx, &sp.ID, tx.Rebind(`INSERT INTO space (school, bridge, space, slug, name, topic, open, room, applied)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`),
			sp.School, sp.Bridge, clean(sp.Space), clean(sp.Slug), clean(sp.Name), clean(sp.Topic), sp.Open, clean(sp.Room), clean(sp.Applied))
	})
}

// UpdateSpace reads a space, lets change alter it and stores it, in one transaction,
// unless nothing is altered. School, bridge, the network's ID and the slug stay.
// [ErrNoRow] when there is no such space.
func (s *Store) UpdateSpace(ctx context.Context, space int64, change func(*Space)) error {
	return s.inTx(ctx, "change space", func(ctx context.Context, tx *sqlx.Tx) error {
		var sp Space
		query := "SELECT " + spaceColumns + " FROM space WHERE id = ?"
		if s.Multi() {
			query += " FOR UPDATE"
		}
		if err := tx.GetContext(ctx, &sp, tx.Rebind(query), space); err != nil {
			return err
		}
		before := sp
		change(&sp)
		if sp == before {
			return nil
		}
		// Whoever keeps portals in memory keeps these too.
		if err := s.changePortals(ctx, tx); err != nil {
			return err
		}
		_, err := exec(ctx, tx, "UPDATE space SET name = ?, topic = ?, open = ?, room = ?, applied = ? WHERE id = ?",
			clean(sp.Name), clean(sp.Topic), sp.Open, clean(sp.Room), clean(sp.Applied), space)
		return err
	})
}
