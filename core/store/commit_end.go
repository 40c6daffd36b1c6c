package store

import (
	"context"
	"maps"
	"slices"
)

// end moves finished items out of their lanes. The function that it returns does
// what follows, once the database has told which were still there.
func (c *commit) end(ctx context.Context, tx session) (func() error, error) {
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
	if err := tx.batch(ctx, "bury", buryItems, dead, nil); err != nil {
		return nil, err
	}
	there := make(map[int64]bool, gone.count)
	err := tx.batch(ctx, "delete items", deleteItems, gone, func(r scanner) error {
		var id int64
		err := r.Scan(&id)
		there[id] = true
		return err
	})
	return func() error {
		for n, id := range which {
			if id == 0 || !there[id] {
				continue
			}
			there[id] = false // the same end twice in a batch counts once
			c.res.Ends[n] = true
			c.count(c.lanes[laneOf(id)], c.b.Ends[n].Verdict)
		}
		return c.writeMap(ctx, tx)
	}, err
}

const (
	buryItems = `INSERT INTO dead_letter (school, bridge, portal, dir, seq, item_key, kind, payload, accepted_at, dead_at, reason)
SELECT i.school, i.bridge, i.portal, i.dir, i.id % 4294967296, i.item_key, i.kind, i.payload, i.accepted_at, d.dead_at, d.reason
FROM @D@ JOIN item i ON i.id = d.id WHERE TRUE ON CONFLICT DO NOTHING`
	deleteItems = `DELETE FROM item WHERE id IN (SELECT d.id FROM @D@) RETURNING id`
	upsertLinks = `INSERT INTO link (` + linkColumns + `) SELECT d.school, d.bridge, d.portal, d.dir, d.item_key, d.kind, d.room,
d.event_id, d.remote_id, d.sender, d.root_event, d.root_remote, d.at, d.removed, d.file, d.puppet FROM @D@ WHERE d.school IS NOT NULL
ON CONFLICT (portal, dir, item_key, bridge, school) DO UPDATE SET kind = excluded.kind, room = excluded.room, event_id = excluded.event_id,
remote_id = excluded.remote_id, sender = excluded.sender, root_event = excluded.root_event, root_remote = excluded.root_remote, removed = excluded.removed,
file = excluded.file, puppet = excluded.puppet`
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

// writeMap writes the message map of what has ended. Every key that is done leaves
// a row, so that a repeat is known.
func (c *commit) writeMap(ctx context.Context, tx session) error {
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
		if err := c.writeReactions(ctx, tx, d); err != nil {
			return err
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
		"root_event:t", "root_remote:t", "at:n", "removed:b", "file:t", "puppet:t")
	for _, k := range order {
		l := links[k]
		when := ms(l.At)
		if when == 0 {
			when = c.now
		}
		d.add(string(l.School), string(l.Bridge), l.Portal, string(l.Dir), k.key, string(l.Kind), clean(l.Room), clean(l.Event), clean(l.Remote),
			clean(l.Sender), clean(l.RootEvent), clean(l.RootRemote), when, l.Removed, clean(l.File), clean(l.Puppet))
	}
	if err := tx.batch(ctx, "map", upsertLinks, d, nil); err != nil {
		return err
	}
	if err := tx.batch(ctx, "mark removed", markRemoved, removed, nil); err != nil {
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

func (s *Store) countDrops(ctx context.Context, tx session, drops map[[3]string]int64) error {
	for _, k := range slices.SortedFunc(maps.Keys(drops), func(a, b [3]string) int { return slices.Compare(a[:], b[:]) }) {
		if err := tx.one(ctx, putDrops, []any{k[0], k[1], k[2], drops[k]}, nil); err != nil {
			return err
		}
	}
	return nil
}

const putDrops = `INSERT INTO drop_count (school, bridge, policy, n) VALUES (?, ?, ?, ?)
ON CONFLICT (school, bridge, policy) DO UPDATE SET n = drop_count.n + excluded.n`

// postpone gives items new numbers at the end of their lanes.
func (c *commit) postpone(ctx context.Context, tx session) error {
	moved := make([]int64, len(c.b.Defers)) // the new numbers
	for n := range c.b.Defers {
		d := &c.b.Defers[n]
		l := c.lane(d.Item.LaneKey)
		if l == nil || l.Owner != c.me {
			continue
		}
		l.next++
		moved[n] = l.next
		err := tx.one(ctx, moveItem, []any{itemID(l.ID, l.next), ms(d.NotBefore), d.Item.Uncertain, itemID(l.ID, d.Item.Seq)},
			func(hit int64) { c.res.Defers[n] = hit > 0 })
		if err != nil {
			return err
		}
	}
	if len(moved) == 0 {
		return nil
	}
	if err := tx.flush(ctx); err != nil {
		return err
	}
	for n, seq := range moved {
		if !c.res.Defers[n] {
			continue
		}
		d := &c.b.Defers[n]
		l := c.lane(d.Item.LaneKey)
		it := d.Item
		it.Seq, it.NotBefore = seq, d.NotBefore
		c.res.Grown = append(c.res.Grown, Growth{Lane: l.LaneKey, ID: l.ID, Items: []Item{it}, Before: l.LastSeq, Last: seq, Mine: true})
		l.LastSeq = seq
		l.rest()
	}
	return nil
}

const moveItem = "UPDATE item SET id = ?, not_before = ?, uncertain = ? WHERE id = ?"
