package store

import (
	"context"
	"maps"
	"slices"

	"github.com/steg-bridge/steg/core/bridge"
)

// Commit stores a batch in one transaction and tells what became of each part.
// After an error nothing of it is stored, or, when the connection broke during
// the commit, perhaps all: a repeat is then harmless, since known keys are
// ignored and ends of items that are gone report false.
func (i *Instance) Commit(ctx context.Context, b *Batch) (*Result, error) {
	c := &commit{s: i.s, me: i.id, b: b, now: i.s.stamp()}
	err := i.s.inSession(ctx, "commit", func(ctx context.Context, tx session) error {
		c.res = Result{Accepted: make([]int, len(b.Intakes)), Ends: make([]bool, len(b.Ends)), Defers: make([]bool, len(b.Defers))}
		return c.run(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	i.s.keepLaneIDs(c.ids)
	return &c.res, nil
}

// commit is one try of a batch. It asks in three rounds: for the lanes, for what
// is new and what is gone, and for what follows from that.
type commit struct {
	s     *Store
	me    string
	b     *Batch
	now   int64
	res   Result
	ids   map[LaneKey]int64
	lanes map[int64]*laneRow
}

func (c *commit) run(ctx context.Context, tx session) error {
	if err := c.lock(ctx, tx); err != nil {
		return err
	}
	accepted, err := c.accept(ctx, tx)
	if err != nil {
		return err
	}
	ended, err := c.end(ctx, tx)
	if err != nil {
		return err
	}
	if err := tx.flush(ctx); err != nil {
		return err
	}
	accepted()
	if err := ended(); err != nil {
		return err
	}
	if err := c.postpone(ctx, tx); err != nil {
		return err
	}
	c.note()
	if err := c.s.storeLanes(ctx, tx, c.lanes); err != nil {
		return err
	}
	return c.positions(ctx, tx)
}

// lock finds and locks all lanes of the batch, before anything else.
func (c *commit) lock(ctx context.Context, tx session) error {
	create, look := map[LaneKey]bool{}, map[LaneKey]bool{}
	for _, in := range c.b.Intakes {
		for n := range in.Entries {
			create[in.Entries[n].Lane] = true
		}
	}
	for n := range c.b.Ends {
		look[c.b.Ends[n].Item.LaneKey] = true
	}
	for n := range c.b.Defers {
		look[c.b.Defers[n].Item.LaneKey] = true
	}
	for n := range c.b.Notes {
		look[c.b.Notes[n].Lane] = true
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

// note stores why lanes wait.
func (c *commit) note() {
	for n := range c.b.Notes {
		note := &c.b.Notes[n]
		if l := c.lane(note.Lane); l != nil && l.Owner == c.me {
			l.Attempts, l.LastError, l.NextAt = int64(note.Attempts), clean(note.LastError), ms(note.NextAt)
		}
	}
}

const moveCursors = `UPDATE portal SET cursor_pos = d.cursor_pos FROM @D@ WHERE portal.bridge = d.bridge AND portal.chat = d.chat`

// positions stores cursors and the position of /sync; the last one wins.
func (c *commit) positions(ctx context.Context, tx session) error {
	type chat struct {
		br   bridge.ID
		chat string
	}
	cursors := map[chat]string{}
	var token *string
	for _, in := range c.b.Intakes {
		for _, m := range in.Cursors {
			cursors[chat{m.Bridge, clean(m.Chat)}] = clean(m.Cursor)
		}
		if in.SyncToken != nil {
			token = in.SyncToken
		}
	}
	d := c.s.newRows("bridge:t", "chat:t", "cursor_pos:t")
	for k, v := range cursors {
		d.add(string(k.br), k.chat, v)
	}
	if err := tx.batch(ctx, "move cursors", moveCursors, d, nil); err != nil {
		return err
	}
	if token == nil {
		return nil
	}
	return tx.one(ctx, putValue, []any{"", "", kvSyncToken, clean(*token)}, nil)
}
