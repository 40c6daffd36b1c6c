package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
)

// laneRow is a lane within a transaction.
type laneRow struct {
	LaneKey
	ID        int64  `db:"id"`
	LastSeq   int64  `db:"last_seq"`
	Received  int64  `db:"received"`
	Delivered int64  `db:"delivered"`
	Dropped   int64  `db:"dropped"`
	Dead      int64  `db:"dead"`
	Busy      bool   `db:"busy"`
	Touched   bool   `db:"touched"`
	Tried     bool   `db:"tried"`
	Owner     string `db:"owner"`
	Attempts  int64  `db:"attempts"`
	LastError string `db:"last_error"`
	NextAt    int64  `db:"next_at"`

	next   int64 // number to give out next, less one
	before int64 // LastSeq as read
	idle   bool
}

const laneColumns = `lane.id, lane.school, lane.bridge, lane.portal, lane.dir, lane.last_seq, lane.received, lane.delivered,
lane.dropped, lane.dead, lane.busy, lane.touched, lane.tried, lane.owner, lane.attempts, lane.last_error, lane.next_at`

func (l *laneRow) pending() int64 { return l.Received - l.Delivered - l.Dropped - l.Dead }

// settle brings the flags in line with the counters: an idle lane has no owner.
func (l *laneRow) settle() {
	l.Busy = l.pending() > 0
	if !l.Busy {
		l.Owner, l.Touched = "", false
		l.rest()
	}
}

// rest forgets the trouble of the oldest item.
func (l *laneRow) rest() { l.Tried, l.Attempts, l.LastError, l.NextAt = false, 0, "", 0 }

func compareKeys(a, b LaneKey) int {
	return cmp.Or(cmp.Compare(a.Portal, b.Portal), cmp.Compare(a.Dir, b.Dir), cmp.Compare(a.Bridge, b.Bridge), cmp.Compare(a.School, b.School))
}

// laneIDs finds the numbers of lanes; those that do not exist are made when
// create is set, and left out otherwise. Always in the same order, so that two
// processes cannot wait for each other.
func (s *Store) laneIDs(ctx context.Context, tx session, create, look []LaneKey) (map[LaneKey]int64, error) {
	ids := make(map[LaneKey]int64, len(create)+len(look))
	var missing []LaneKey
	s.mu.Lock()
	for _, keys := range [][]LaneKey{create, look} {
		for _, k := range keys {
			if n, ok := s.lanes[k]; ok {
				ids[k] = n
			} else {
				missing = append(missing, k)
			}
		}
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return ids, nil
	}
	slices.SortFunc(missing, compareKeys)
	made := s.newRows("school:t", "bridge:t", "portal:n", "dir:t")
	found := s.newRows("school:t", "bridge:t", "portal:n", "dir:t")
	for _, k := range slices.Compact(missing) {
		row := []any{string(k.School), string(k.Bridge), k.Portal, string(k.Dir)}
		found.add(row...)
		if slices.Contains(create, k) {
			made.add(row...)
		}
	}
	if err := tx.batch(ctx, "make lanes", insertLanes, made, nil); err != nil {
		return nil, err
	}
	err := tx.batch(ctx, "find lanes", findLanes, found, func(r scanner) error {
		var n int64
		var k LaneKey
		err := r.Scan(&n, &k.School, &k.Bridge, &k.Portal, &k.Dir)
		ids[k] = n
		return err
	})
	if err != nil {
		return nil, err
	}
	return ids, tx.flush(ctx)
}

const (
	insertLanes = `INSERT INTO lane (school, bridge, portal, dir) SELECT d.school, d.bridge, d.portal, d.dir FROM @D@
WHERE d.school IS NOT NULL ON CONFLICT DO NOTHING`
	findLanes = `SELECT lane.id, lane.school, lane.bridge, lane.portal, lane.dir FROM @D@ JOIN lane
ON lane.portal = d.portal AND lane.dir = d.dir AND lane.bridge = d.bridge AND lane.school = d.school`
	readLanes = `SELECT ` + laneColumns + ` FROM @D@ JOIN lane ON lane.id = d.id`
	// PostgreSQL locks in the order of the rows: always by number.
	lockLanes   = `SELECT ` + laneColumns + ` FROM lane WHERE lane.id IN (SELECT d.id FROM @D@) ORDER BY lane.id FOR UPDATE`
	updateLanes = `UPDATE lane SET last_seq = d.last_seq, received = d.received, delivered = d.delivered, dropped = d.dropped,
dead = d.dead, busy = d.busy, touched = d.touched, tried = d.tried, owner = d.owner, attempts = d.attempts, last_error = d.last_error,
next_at = d.next_at FROM @D@ WHERE lane.id = d.id`
)

// keepLaneIDs remembers numbers once their transaction has committed.
func (s *Store) keepLaneIDs(ids map[LaneKey]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.lanes, ids)
}

// lockLanes reads lanes and keeps others away from them until the transaction
// ends. From here on numbers can be given out.
func (s *Store) lockLanes(ctx context.Context, tx session, ids []int64) (map[int64]*laneRow, error) {
	slices.Sort(ids)
	d := s.newRows("id:n")
	for _, n := range slices.Compact(ids) {
		d.add(n)
	}
	query := readLanes
	if s.Multi() {
		query = lockLanes
	}
	out := make(map[int64]*laneRow, d.count)
	err := tx.batch(ctx, "lock lanes", query, d, func(r scanner) error {
		l, err := scanLane(r)
		l.next, l.before, l.idle = l.LastSeq, l.LastSeq, !l.Busy
		out[l.ID] = l
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, tx.flush(ctx)
}

func scanLane(r scanner) (*laneRow, error) {
	var l laneRow
	err := r.Scan(&l.ID, &l.School, &l.Bridge, &l.Portal, &l.Dir, &l.LastSeq, &l.Received, &l.Delivered, &l.Dropped, &l.Dead,
		&l.Busy, &l.Touched, &l.Tried, &l.Owner, &l.Attempts, &l.LastError, &l.NextAt)
	return &l, err
}

func selectLanes(ctx context.Context, x execer, query string, args ...any) ([]*laneRow, error) {
	res, err := x.QueryContext(ctx, x.Rebind(query), args...)
	if err != nil {
		return nil, err
	}
	var out []*laneRow
	err = each(res, func(r scanner) error {
		l, err := scanLane(r)
		out = append(out, l)
		return err
	})
	return out, err
}

// storeLanes writes lanes back.
func (s *Store) storeLanes(ctx context.Context, tx session, lanes map[int64]*laneRow) error {
	d := s.newRows("id:n", "last_seq:n", "received:n", "delivered:n", "dropped:n", "dead:n", "busy:b", "touched:b", "tried:b",
		"owner:t", "attempts:n", "last_error:t", "next_at:n")
	for _, l := range lanes {
		d.add(l.ID, l.LastSeq, l.Received, l.Delivered, l.Dropped, l.Dead, l.Busy, l.Touched, l.Tried, l.Owner, l.Attempts, l.LastError, l.NextAt)
	}
	return tx.batch(ctx, "store lanes", updateLanes, d, nil)
}
