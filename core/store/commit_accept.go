package store

import (
	"context"

	"github.com/steg-bridge/steg/core/bridge"
)

// insertItems stores the entries whose key is neither pending nor done nor dead,
// and tells which.
const insertItems = `INSERT INTO item (id, school, bridge, portal, dir, item_key, kind, payload, accepted_at, not_before, uncertain)
SELECT d.id, d.school, d.bridge, d.portal, d.dir, d.item_key, d.kind, d.payload, d.accepted_at, 0, FALSE FROM @D@
WHERE d.id IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM link l WHERE l.portal = d.portal AND l.dir = d.dir AND l.item_key = d.item_key AND l.bridge = d.bridge AND l.school = d.school)
AND NOT EXISTS (SELECT 1 FROM dead_letter l WHERE l.portal = d.portal AND l.dir = d.dir AND l.item_key = d.item_key AND l.bridge = d.bridge AND l.school = d.school)
ON CONFLICT DO NOTHING RETURNING id`

// offer is an entry with the number that it gets if it is new.
type offer struct {
	id     int64
	intake int
	entry  *Entry
}

type laneAndKey struct {
	lane int64
	key  string
}

// accept inserts what is new. The function that it returns counts it, once the
// database has told.
func (c *commit) accept(ctx context.Context, tx session) (func(), error) {
	d := c.s.newRows("id:n", "school:t", "bridge:t", "portal:n", "dir:t", "item_key:t", "kind:t", "payload:x", "accepted_at:n")
	var offers []offer
	seen := map[laneAndKey]bool{}
	for n, in := range c.b.Intakes {
		for i := range in.Entries {
			e := &in.Entries[i]
			l := c.lane(e.Lane)
			key := laneAndKey{l.ID, clean(e.Key)}
			if seen[key] {
				continue
			}
			seen[key] = true
			l.next++
			id := itemID(l.ID, l.next)
			k := e.Lane
			d.add(id, string(k.School), string(k.Bridge), k.Portal, string(k.Dir), key.key, clean(e.Kind), notNil(e.Payload), c.now)
			offers = append(offers, offer{id, n, e})
		}
	}
	isNew := make(map[int64]bool, len(offers))
	err := tx.batch(ctx, "accept", insertItems, d, func(r scanner) error {
		var id int64
		err := r.Scan(&id)
		isNew[id] = true
		return err
	})
	return func() { c.accepted(offers, isNew) }, err
}

// notNil makes an empty payload storable.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// accepted counts what is new, and tells what each lane got.
func (c *commit) accepted(offers []offer, isNew map[int64]bool) {
	grown := map[int64]*Growth{}
	var order []*Growth
	for _, o := range offers {
		if !isNew[o.id] {
			continue
		}
		l := c.lanes[laneOf(o.id)]
		c.res.Accepted[o.intake]++
		l.Received++
		l.LastSeq = seqOf(o.id)
		g := grown[l.ID]
		if g == nil {
			g = &Growth{Lane: l.LaneKey, ID: l.ID, Before: l.before, Fresh: l.idle}
			grown[l.ID], order = g, append(order, g)
		}
		g.Items = append(g.Items, Item{
			LaneKey: l.LaneKey, Seq: seqOf(o.id), Key: bridge.Key(clean(o.entry.Key)), Kind: o.entry.Kind, Payload: o.entry.Payload, Accepted: at(c.now),
			Came: c.b.Intakes[o.intake].Came,
		})
	}
	for _, g := range order {
		l := c.lanes[g.ID]
		c.own(l)
		g.Last, g.Mine = l.LastSeq, l.Owner == c.me
		c.res.Grown = append(c.res.Grown, *g)
	}
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
