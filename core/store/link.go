package store

import (
	"context"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// linkDropped is the kind of the row that remembers the key of a dropped item.
const linkDropped LinkKind = "dropped"

const linkColumns = `school, bridge, portal, dir, item_key, kind, room, event_id, remote_id, sender, root_event, root_remote, at, removed, file, puppet`

// byAge sorts the few rows that an index finds. The sum keeps PostgreSQL from
// walking the whole table by number instead, which is what a plan does that was
// made while the table was empty, and plans are kept.
const byAge = `ORDER BY link.id + 0`

// byLife is byAge with what was removed last: a message lives on in the parts
// that are left.
const byLife = `ORDER BY link.removed, link.id + 0`

type linkRow struct {
	Link
	AtMS int64 `db:"at"`
}

func (r linkRow) link() Link {
	r.At = at(r.AtMS)
	return r.Link
}

// LinkByRemote finds the message with the network's ID in a portal: its first
// part that is not removed, when all are the first. [ErrNoRow] when unknown.
func (s *Store) LinkByRemote(ctx context.Context, portal int64, remote bridge.MessageID) (Link, error) {
	return s.byRemote.find(ctx, portal, string(remote))
}

// LinkByEvent finds the message of a Matrix event in a portal, the first one made
// when there are several, but none that is removed before one that is not.
// [ErrNoRow] when unknown.
func (s *Store) LinkByEvent(ctx context.Context, portal int64, event id.EventID) (Link, error) {
	return s.byEvent.find(ctx, string(event), portal)
}

// LinksByRemote lists the parts of the message with the network's ID that are not
// removed, in the order in which they were made.
func (s *Store) LinksByRemote(ctx context.Context, portal int64, remote bridge.MessageID) ([]Link, error) {
	return s.manyLinks(ctx, "portal = ? AND remote_id = ? AND remote_id <> '' AND kind = 'message' AND NOT removed "+byAge, portal, remote)
}

// LinksInThread lists the messages below a thread's root that are not removed,
// oldest first.
func (s *Store) LinksInThread(ctx context.Context, portal int64, root bridge.MessageID) ([]Link, error) {
	return s.manyLinks(ctx, "portal = ? AND root_remote = ? AND root_remote <> '' AND kind = 'message' AND NOT removed "+byAge, portal, root)
}

func (s *Store) manyLinks(ctx context.Context, where string, args ...any) ([]Link, error) {
	var rows []linkRow
	if err := s.r.SelectContext(ctx, &rows, s.r.Rebind("SELECT "+linkColumns+" FROM link WHERE "+where), args...); err != nil {
		return nil, wrap("read message map", err)
	}
	out := make([]Link, len(rows))
	for i, r := range rows {
		out[i] = r.link()
	}
	return out, nil
}

// Mapped lists the network's IDs of the messages of a portal, of both
// directions, that are not removed and not older than since, each once.
func (s *Store) Mapped(ctx context.Context, portal int64, since time.Time) ([]bridge.MessageID, error) {
	var ids []bridge.MessageID
	err := s.r.SelectContext(ctx, &ids, s.r.Rebind(`SELECT remote_id FROM link
WHERE kind = 'message' AND portal = ? AND remote_id <> '' AND at >= ? AND NOT removed GROUP BY remote_id ORDER BY MIN(link.id)`), portal, ms(since))
	return ids, wrap("read message map", err)
}

// pruneBatch keeps the writer free for others while old rows go.
const pruneBatch = 1000

// DeleteOldLinks forgets up to a batch of rows, older than before, that stand for
// no message: edits, removals, dropped items. It returns how many went; call it
// again while that is not 0. Messages stay. A source that repeats an event older
// than before has it accepted a second time.
func (s *Store) DeleteOldLinks(ctx context.Context, before time.Time) (int64, error) {
	n, err := exec(ctx, s.w, "DELETE FROM link WHERE id IN (SELECT id FROM link WHERE kind <> 'message' AND at < ? ORDER BY at LIMIT ?)", ms(before), pruneBatch)
	return n, wrap("forget old rows", err)
}
