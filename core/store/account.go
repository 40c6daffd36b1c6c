package store

import (
	"context"
	"fmt"
	"time"
)

const selectLaneStates = `SELECT lane.school, lane.bridge, lane.portal, lane.dir, lane.received, lane.delivered, lane.dropped, lane.dead,
lane.attempts, lane.last_error, lane.next_at,
CASE WHEN lane.busy THEN COALESCE((SELECT MIN(i.accepted_at) FROM (SELECT accepted_at FROM item
WHERE item.id > lane.id * 4294967296 AND item.id < (lane.id + 1) * 4294967296 ORDER BY item.id LIMIT 1) i), 0) ELSE 0 END AS oldest
FROM lane`

// Lanes lists all lanes with their account, by portal.
func (s *Store) Lanes(ctx context.Context) ([]LaneState, error) {
	return s.laneStates(ctx, selectLaneStates+" ORDER BY lane.portal, lane.dir, lane.bridge, lane.school")
}

// LanesOf lists the lanes of one portal.
func (s *Store) LanesOf(ctx context.Context, portal int64) ([]LaneState, error) {
	return s.laneStates(ctx, selectLaneStates+" WHERE lane.portal = ? ORDER BY lane.dir, lane.bridge, lane.school", portal)
}

func (s *Store) laneStates(ctx context.Context, query string, args ...any) ([]LaneState, error) {
	var rows []struct {
		LaneState
		OldestMS int64 `db:"oldest"`
		NextMS   int64 `db:"next_at"`
	}
	if err := s.r.SelectContext(ctx, &rows, s.r.Rebind(query), args...); err != nil {
		return nil, wrap("list lanes", err)
	}
	out := make([]LaneState, len(rows))
	for n, r := range rows {
		out[n] = r.LaneState
		out[n].Oldest, out[n].NextAt = at(r.OldestMS), at(r.NextMS)
	}
	return out, nil
}

// Account sums up all lanes.
func (s *Store) Account(ctx context.Context) (Account, error) {
	var a Account
	err := s.r.QueryRowxContext(ctx, `SELECT CAST(COALESCE(SUM(received), 0) AS BIGINT), CAST(COALESCE(SUM(delivered), 0) AS BIGINT),
CAST(COALESCE(SUM(dropped), 0) AS BIGINT), CAST(COALESCE(SUM(dead), 0) AS BIGINT) FROM lane`).Scan(&a.Received, &a.Delivered, &a.Dropped, &a.Dead)
	a.Pending = a.Received - a.Delivered - a.Dropped - a.Dead
	return a, wrap("read account", err)
}

// VerifyAccount counts again what the lanes' counters claim and returns a line
// for each disagreement; none means that the account is right. It reads whole
// tables: for tests and for an operator's question.
func (s *Store) VerifyAccount(ctx context.Context) ([]string, error) {
	var rows []struct {
		LaneKey
		Pending int64 `db:"pending"`
		Items   int64 `db:"items"`
		Dead    int64 `db:"dead"`
		Letters int64 `db:"letters"`
		Busy    bool  `db:"busy"`
		Twice   int64 `db:"twice"`
		Beyond  int64 `db:"beyond"`
	}
	// One statement, so that it sees one moment.
	err := s.r.SelectContext(ctx, &rows, `SELECT * FROM (SELECT l.school, l.bridge, l.portal, l.dir, l.busy, l.dead,
l.received - l.delivered - l.dropped - l.dead AS pending,
(SELECT COUNT(*) FROM item i WHERE i.id > l.id * 4294967296 AND i.id < (l.id + 1) * 4294967296) AS items,
(SELECT COUNT(*) FROM item i WHERE i.id > l.id * 4294967296 + l.last_seq AND i.id < (l.id + 1) * 4294967296) AS beyond,
(SELECT COUNT(*) FROM dead_letter d WHERE d.portal = l.portal AND d.dir = l.dir AND d.bridge = l.bridge AND d.school = l.school) AS letters,
(SELECT COUNT(*) FROM item i JOIN link k ON k.portal = i.portal AND k.dir = i.dir AND k.item_key = i.item_key AND k.bridge = i.bridge AND k.school = i.school
 WHERE i.id > l.id * 4294967296 AND i.id < (l.id + 1) * 4294967296) AS twice
FROM lane l) v WHERE pending <> items OR dead <> letters OR twice <> 0 OR beyond <> 0 OR busy <> (pending > 0)`)
	if err != nil {
		return nil, wrap("verify account", err)
	}
	out := make([]string, len(rows))
	for n, r := range rows {
		out[n] = fmt.Sprintf("lane of portal %d, direction %s: counters say %d pending (busy: %t) and %d dead, the tables hold %d and %d; %d items are done already, %d are beyond the last number",
			r.Portal, r.Dir, r.Pending, r.Busy, r.Dead, r.Items, r.Letters, r.Twice, r.Beyond)
	}
	return out, nil
}

// Drops tells how many items each policy dropped, over all schools.
func (s *Store) Drops(ctx context.Context) (map[string]int64, error) {
	var rows []struct {
		Policy string `db:"policy"`
		N      int64  `db:"n"`
	}
	if err := s.r.SelectContext(ctx, &rows, "SELECT policy, CAST(SUM(n) AS BIGINT) AS n FROM drop_count GROUP BY policy"); err != nil {
		return nil, wrap("read drops", err)
	}
	out := make(map[string]int64, len(rows))
	for _, r := range rows {
		out[r.Policy] = r.N
	}
	return out, nil
}

// OldestPending is when the oldest item that still waits was accepted; zero when
// nothing waits.
func (s *Store) OldestPending(ctx context.Context) (time.Time, error) {
	var oldest int64
	err := s.r.GetContext(ctx, &oldest, "SELECT COALESCE(MIN(oldest), 0) FROM ("+selectLaneStates+" WHERE lane.busy) v WHERE oldest > 0")
	return at(oldest), wrap("read oldest item", err)
}
