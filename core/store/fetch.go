package store

import (
	"context"
	"database/sql"
)

const fetchItems = `SELECT id, school, bridge, portal, dir, item_key, kind, payload, accepted_at, not_before, uncertain
FROM item WHERE id > ? AND id < ? ORDER BY id LIMIT ?`

// Fetch reads pending items of a lane in order: those after the number after, at
// most limit, and no more than about maxBytes of payload, but at least one. more
// says that the lane may hold more.
func (s *Store) Fetch(ctx context.Context, lane, after int64, limit int, maxBytes int64) (items []Item, more bool, err error) {
	rows, err := s.query(ctx, itemID(lane, after), itemID(lane+1, 0), limit)
	if err != nil {
		return nil, false, wrap("read waiting items", err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var it Item
		var id, accepted, notBefore int64
		if err := rows.Scan(&id, &it.School, &it.Bridge, &it.Portal, &it.Dir, &it.Key, &it.Kind, &it.Payload, &accepted, &notBefore, &it.Uncertain); err != nil {
			return nil, false, wrap("read waiting items", err)
		}
		it.Seq, it.Accepted, it.NotBefore = seqOf(id), at(accepted), at(notBefore)
		items = append(items, it)
		if maxBytes -= int64(len(it.Payload)); maxBytes <= 0 {
			return items, true, nil
		}
	}
	return items, len(items) == limit, wrap("read waiting items", rows.Err())
}

// query runs the statement of Fetch, which a draining backlog does all the time.
func (s *Store) query(ctx context.Context, args ...any) (*sql.Rows, error) {
	if s.Multi() {
		return s.r.QueryContext(ctx, s.r.Rebind(fetchItems), args...)
	}
	stmt, err := s.preparedRead(ctx, stmtKey{"fetch", 0}, func() string { return fetchItems }) //nolint:sqlclosecheck // kept as long as the store
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(context.WithoutCancel(ctx), args...)
}
