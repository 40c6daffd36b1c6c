package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"

	"github.com/steg-bridge/steg/core/bridge"
)

// Commit stores a batch in one transaction and tells what became of each part.
// After an error nothing of it is stored, or, when the connection broke during
// the commit, perhaps all: a repeat is then harmless, since known keys are
// ignored and ends of items that are gone report false.
func (i *Instance) Commit(ctx context.Context, b *Batch) (*Result, error) {
	c := &commit{s: i.s, me: i.id, b: b, now: i.s.stamp()}
	err := i.s.inTx(ctx, "commit", func(ctx context.Context, tx *sqlx.Tx) error {
		c.res = Result{Accepted: make([]int, len(b.Intakes)), Ends: make([]bool, len(b.Ends)), Defers: make([]bool, len(b.Defers))}
		return c.run(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	i.s.keepLaneIDs(c.ids)
	return &c.res, nil
}

type commit struct {
	s     *Store
	me    string
	b     *Batch
	now   int64
	res   Result
	ids   map[LaneKey]int64
	lanes map[int64]*laneRow
}

func (c *commit) run(ctx context.Context, tx *sqlx.Tx) error {
	if err := c.lock(ctx, tx); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *sqlx.Tx) error{c.accept, c.end, c.postpone} {
		if err := step(ctx, tx); err != nil {
			return err
		}
	}
	c.note()
	if len(c.lanes) > 0 {
		if err := c.s.storeLanes(ctx, tx, c.lanes); err != nil {
			return err
		}
	}
	return c.positions(ctx, tx)
}

// lock finds and locks all lanes of the batch, before anything else.
func (c *commit) lock(ctx context.Context, tx *sqlx.Tx) error {
	create, look := map[LaneKey]bool{}, map[LaneKey]bool{}
	for _, in := range c.b.Intakes {
		for _, e := range in.Entries {
			create[e.Lane] = true
		}
	}
	for _, d := range c.b.Ends {
		look[d.Item.LaneKey] = true
	}
	for _, d := range c.b.Defers {
		look[d.Item.LaneKey] = true
	}
	for _, n := range c.b.Notes {
		look[n.Lane] = true
	}
	var err error
	if c.ids, err = c.s.laneIDs(ctx, tx, slices.Collect(maps.Keys(create)), slices.Collect(maps.Keys(look))); err != nil || len(c.ids) == 0 {
		return err
	}
	c.lanes, err = c.s.lockLanes(ctx, tx, slices.Collect(maps.Values(c.ids)))
	return err
}

// lane returns the locked row of a lane, nil when there is none.
func (c *commit) lane(k LaneKey) *laneRow {
	n, ok := c.ids[k]
	if !ok {
		return nil
	}
	return c.lanes[n]
}

const insertItems = `INSERT INTO item (id, school, bridge, portal, dir, item_key, kind, payload, accepted_at, not_before, uncertain)
SELECT d.id, d.school, d.bridge, d.portal, d.dir, d.item_key, d.kind, d.payload, d.accepted_at, 0, FALSE FROM @D@
WHERE d.id IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM link l WHERE l.portal = d.portal AND l.dir = d.dir AND l.item_key = d.item_key AND l.bridge = d.bridge AND l.school = d.school)
AND NOT EXISTS (SELECT 1 FROM dead_letter l WHERE l.portal = d.portal AND l.dir = d.dir AND l.item_key = d.item_key AND l.bridge = d.bridge AND l.school = d.school)
ON CONFLICT DO NOTHING RETURNING id`

const moveCursors = `UPDATE portal SET cursor_pos = d.cursor_pos FROM @D@ WHERE portal.bridge = d.bridge AND portal.chat = d.chat AND portal.mode <> 'off'`

// notNil makes an empty payload storable.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

type entryID struct {
	lane int64
	key  bridge.Key
}

// accept inserts the entries whose key is neither pending, dead nor done.
func (c *commit) accept(ctx context.Context, tx *sqlx.Tx) error {
	d := c.s.newRows("id:n", "school:t", "bridge:t", "portal:n", "dir:t", "item_key:t", "kind:t", "payload:x", "accepted_at:n")
	type place struct {
		intake int
		entry  *Entry
	}
	var places []place
	var ids []int64
	seen := map[entryID]bool{}
	for n, in := range c.b.Intakes {
		for e := range in.Entries {
			entry := &in.Entries[e]
			l := c.lane(entry.Lane)
			key := entryID{l.ID, bridge.Key(clean(entry.Key))}
			if seen[key] {
				continue
			}
			seen[key] = true
			l.next++
			id := itemID(l.ID, l.next)
			k := entry.Lane
			d.add(id, string(k.School), string(k.Bridge), k.Portal, string(k.Dir), string(key.key), clean(entry.Kind), notNil(entry.Payload), c.now)
			places, ids = append(places, place{n, entry}), append(ids, id)
		}
	}
	isNew := make(map[int64]bool, len(ids))
	err := c.s.batch(ctx, tx, "accept", insertItems, d, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		isNew[id] = true
		return err
	})
	if err != nil {
		return err
	}
	grown := map[int64]*Growth{}
	var order []*Growth
	for n, id := range ids {
		if !isNew[id] {
			continue
		}
		p, l := places[n], c.lanes[laneOf(id)]
		c.res.Accepted[p.intake]++
		l.Received++
		l.LastSeq = seqOf(id)
		g := grown[l.ID]
		if g == nil {
			g = &Growth{Lane: l.LaneKey, ID: l.ID, Before: l.before, Fresh: l.idle}
			grown[l.ID], order = g, append(order, g)
		}
		g.Items = append(g.Items, Item{LaneKey: l.LaneKey, Seq: seqOf(id), Key: p.entry.Key, Kind: p.entry.Kind, Payload: p.entry.Payload, Accepted: at(c.now)})
	}
	for _, g := range order {
		l := c.lanes[g.ID]
		c.own(l)
		g.Last, g.Mine = l.LastSeq, l.Owner == c.me
		c.res.Grown = append(c.res.Grown, *g)
	}
	return nil
}

// own takes a lane that was idle, or tells its owner that there is more.
func (c *commit) own(l *laneRow) {
	switch {
	case l.Owner == c.me:
	case l.Owner == "" && l.idle && (c.b.Owns == nil || c.b.Owns(l.LaneKey)):
		l.Owner = c.me
	default:
		l.Touched = true
	}
	l.Busy = true
}

// note stores why lanes wait.
func (c *commit) note() {
	for _, n := range c.b.Notes {
		if l := c.lane(n.Lane); l != nil && l.Owner == c.me {
			l.Attempts, l.LastError, l.NextAt = int64(n.Attempts), clean(n.LastError), ms(n.NextAt)
		}
	}
}

// positions stores cursors and the position of /sync; the last one wins.
func (c *commit) positions(ctx context.Context, tx *sqlx.Tx) error {
	type chat struct {
		br   bridge.ID
		chat bridge.ChatID
	}
	cursors := map[chat]string{}
	var token *string
	for _, in := range c.b.Intakes {
		for _, m := range in.Cursors {
			cursors[chat{m.Bridge, bridge.ChatID(clean(m.Chat))}] = clean(m.Cursor)
		}
		if in.SyncToken != nil {
			token = in.SyncToken
		}
	}
	if len(cursors) > 0 {
		d := c.s.newRows("bridge:t", "chat:t", "cursor_pos:t")
		for k, v := range cursors {
			d.add(string(k.br), string(k.chat), v)
		}
		if err := c.s.batch(ctx, tx, "move cursors", moveCursors, d, nil); err != nil {
			return err
		}
	}
	if token != nil {
		_, err := exec(ctx, tx, putValue, "", "", kvSyncToken, clean(*token))
		return err
	}
	return nil
}
