package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"
)

// end moves finished items out of their lanes, with their message map rows.
func (c *commit) end(ctx context.Context, tx *sqlx.Tx) error {
	gone := c.s.newRows("id:n")
	dead := c.s.newRows("id:n", "reason:t", "dead_at:n")
	which := make([]int64, len(c.b.Ends)) // 0 = not ours
	for n := range c.b.Ends {
		d := &c.b.Ends[n]
		l := c.lane(d.Item.LaneKey)
		if l == nil || l.Owner != c.me {
			continue
		}
		which[n] = itemID(l.ID, d.Item.Seq)
		gone.add(which[n])
		if d.Verdict == Dead {
			dead.add(which[n], clean(d.Reason), c.now)
		}
	}
	if gone.count == 0 {
		return nil
	}
	if err := c.s.batch(ctx, tx, "bury", buryItems, dead, nil); err != nil {
		return err
	}
	ended := make(map[int64]bool, gone.count)
	err := c.s.batch(ctx, tx, "delete items", deleteItems, gone, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		ended[id] = true
		return err
	})
	if err != nil {
		return err
	}
	for n, id := range which {
		if id == 0 || !ended[id] {
			continue
		}
		ended[id] = false // the same end twice in a batch counts once
		c.res.Ends[n] = true
		c.count(c.lanes[laneOf(id)], c.b.Ends[n].Verdict)
	}
	return c.map_(ctx, tx)
}

const (
	buryItems = `INSERT INTO dead_letter (school, bridge, portal, dir, seq, item_key, kind, payload, accepted_at, dead_at, reason)
SELECT i.school, i.bridge, i.portal, i.dir, i.id % 4294967296, i.item_key, i.kind, i.payload, i.accepted_at, d.dead_at, d.reason
FROM @D@ JOIN item i ON i.id = d.id WHERE TRUE ON CONFLICT DO NOTHING`
	deleteItems = `DELETE FROM item WHERE id IN (SELECT d.id FROM @D@) RETURNING id`
	upsertLinks = `INSERT INTO link (` + linkColumns + `) SELECT d.school, d.bridge, d.portal, d.dir, d.item_key, d.kind, d.room,
d.event_id, d.remote_id, d.sender, d.root_event, d.root_remote, d.at, d.removed FROM @D@ WHERE d.school IS NOT NULL
ON CONFLICT (portal, dir, item_key, bridge, school) DO UPDATE SET kind = excluded.kind, room = excluded.room, event_id = excluded.event_id,
remote_id = excluded.remote_id, sender = excluded.sender, root_event = excluded.root_event, root_remote = excluded.root_remote, removed = excluded.removed`
	markRemoved = `UPDATE link SET removed = TRUE FROM @D@ WHERE link.portal = d.portal AND link.dir = d.dir AND link.item_key = d.item_key`
)

func (c *commit) count(l *laneRow, v Verdict) {
	switch v {
	case Delivered:
		l.Delivered++
	case Dropped:
		l.Dropped++
	case Dead:
		l.Dead++
	}
	l.rest()
	l.settle()
}

// map_ writes the message map of what has ended. Every key that is done leaves
// a row, so that a repeat is known.
func (c *commit) map_(ctx context.Context, tx *sqlx.Tx) error {
	type rowKey struct {
		lane LaneKey
		key  string
	}
	links := map[rowKey]*Link{}
	var order []rowKey
	put := func(l *Link) {
		k := rowKey{LaneKey{l.School, l.Bridge, l.Portal, l.Dir}, clean(l.Key)}
		if links[k] == nil {
			order = append(order, k)
		}
		links[k] = l
	}
	removed := c.s.newRows("portal:n", "dir:t", "item_key:t")
	drops := map[[3]string]int64{}
	for n := range c.b.Ends {
		d := &c.b.Ends[n]
		if !c.res.Ends[n] {
			continue
		}
		for i := range d.Removed {
			removed.add(d.Removed[i].Portal, string(d.Removed[i].Dir), clean(d.Removed[i].Key))
		}
		k := d.Item.LaneKey
		if d.Verdict == Dropped {
			drops[[3]string{string(k.School), string(k.Bridge), clean(d.Reason)}]++
		}
		own := d.Verdict == Dead // a dead letter remembers its key itself
		for i := range d.Links {
			l := &d.Links[i]
			own = own || l.Key == d.Item.Key && LaneKey{l.School, l.Bridge, l.Portal, l.Dir} == k
			put(l)
		}
		if !own {
			put(remember(d.Item, d.Verdict))
		}
	}
	d := c.s.newRows("school:t", "bridge:t", "portal:n", "dir:t", "item_key:t", "kind:t", "room:t", "event_id:t", "remote_id:t", "sender:t",
		"root_event:t", "root_remote:t", "at:n", "removed:b")
	for _, k := range order {
		l := links[k]
		when := ms(l.At)
		if when == 0 {
			when = c.now
		}
		d.add(string(l.School), string(l.Bridge), l.Portal, string(l.Dir), k.key, string(l.Kind), clean(l.Room), clean(l.Event), clean(l.Remote),
			clean(l.Sender), clean(l.RootEvent), clean(l.RootRemote), when, l.Removed)
	}
	if err := c.s.batch(ctx, tx, "map", upsertLinks, d, nil); err != nil {
		return err
	}
	if err := c.s.batch(ctx, tx, "mark removed", markRemoved, removed, nil); err != nil {
		return err
	}
	return c.s.countDrops(ctx, tx, drops)
}

// remember is the row of an item that made no message.
func remember(it Item, v Verdict) *Link {
	kind := LinkOther
	if v == Dropped {
		kind = linkDropped
	}
	return &Link{School: it.School, Bridge: it.Bridge, Portal: it.Portal, Dir: it.Dir, Key: it.Key, Kind: kind}
}

func (s *Store) countDrops(ctx context.Context, tx *sqlx.Tx, drops map[[3]string]int64) error {
	for _, k := range slices.SortedFunc(maps.Keys(drops), func(a, b [3]string) int { return slices.Compare(a[:], b[:]) }) {
		_, err := exec(ctx, tx, `INSERT INTO drop_count (school, bridge, policy, n) VALUES (?, ?, ?, ?)
ON CONFLICT (school, bridge, policy) DO UPDATE SET n = drop_count.n + excluded.n`, k[0], k[1], k[2], drops[k])
		if err != nil {
			return err
		}
	}
	return nil
}

// postpone gives items new numbers at the end of their lanes.
func (c *commit) postpone(ctx context.Context, tx *sqlx.Tx) error {
	for n := range c.b.Defers {
		d := &c.b.Defers[n]
		l := c.lane(d.Item.LaneKey)
		if l == nil || l.Owner != c.me {
			continue
		}
		before := l.LastSeq
		l.next++
		hit, err := exec(ctx, tx, "UPDATE item SET id = ?, not_before = ?, uncertain = ? WHERE id = ?",
			itemID(l.ID, l.next), ms(d.NotBefore), d.Item.Uncertain, itemID(l.ID, d.Item.Seq))
		if err != nil {
			return err
		}
		if hit == 0 {
			continue
		}
		l.LastSeq = l.next
		l.rest()
		c.res.Defers[n] = true
		it := d.Item
		it.Seq, it.NotBefore = l.next, d.NotBefore
		c.res.Grown = append(c.res.Grown, Growth{Lane: l.LaneKey, ID: l.ID, Items: []Item{it}, Before: before, Last: l.LastSeq, Mine: true})
	}
	return nil
}
