package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
)

const deadColumns = "number, school, bridge, portal, dir, seq, item_key, kind, payload, accepted_at, dead_at, reason"

type deadRow struct {
	DeadLetter
	AcceptedMS int64 `db:"accepted_at"`
	DeadMS     int64 `db:"dead_at"`
}

func (r deadRow) letter() DeadLetter {
	r.Accepted, r.DeadAt = at(r.AcceptedMS), at(r.DeadMS)
	return r.DeadLetter
}

// DeadLetters lists what can never cross, oldest first.
func (s *Store) DeadLetters(ctx context.Context, limit int) ([]DeadLetter, error) {
	var rows []deadRow
	if err := s.r.SelectContext(ctx, &rows, s.r.Rebind("SELECT "+deadColumns+" FROM dead_letter ORDER BY number LIMIT ?"), limit); err != nil {
		return nil, wrap("list dead letters", err)
	}
	out := make([]DeadLetter, len(rows))
	for n, r := range rows {
		out[n] = r.letter()
	}
	return out, nil
}

// DeadLetter reads one. [ErrNoRow] when it does not exist (any more).
func (s *Store) DeadLetter(ctx context.Context, number int64) (DeadLetter, error) {
	var r deadRow
	err := s.r.GetContext(ctx, &r, s.r.Rebind("SELECT "+deadColumns+" FROM dead_letter WHERE number = ?"), number)
	return r.letter(), wrap("read dead letter", err)
}

// Replay puts a dead letter back at the end of its lane, marked uncertain. It
// works from any process; the running one notices within a poll. [ErrNoRow] when
// there is no such letter (any more).
func (s *Store) Replay(ctx context.Context, number int64) error {
	return s.exhume(ctx, "replay dead letter", number, func(ctx context.Context, tx *sqlx.Tx, r *deadRow, l *laneRow) error {
		l.Dead--
		l.LastSeq++
		// Whoever owns the lane is told; an idle lane waits for someone to take it.
		l.Busy, l.Touched = true, l.Owner != ""
		_, err := exec(ctx, tx, `INSERT INTO item (id, school, bridge, portal, dir, item_key, kind, payload, accepted_at, not_before, uncertain)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, TRUE)`, itemID(l.ID, l.LastSeq), r.School, r.Bridge, r.Portal, r.Dir, r.Key, r.Kind, r.Payload, r.AcceptedMS)
		return err
	})
}

// DropDiscarded is the policy under which discarded dead letters are counted.
const DropDiscarded = "discarded"

// Discard gives a dead letter up: its content goes, its key stays known, and it
// counts as dropped. who is noted in the audit.
func (s *Store) Discard(ctx context.Context, number int64, who string) error {
	return s.exhume(ctx, "discard dead letter", number, func(ctx context.Context, tx *sqlx.Tx, r *deadRow, l *laneRow) error {
		l.Dead--
		l.Dropped++
		if _, err := exec(ctx, tx, `INSERT INTO link (`+linkColumns+`) VALUES (?, ?, ?, ?, ?, ?, '', '', '', '', '', '', ?, FALSE, '', '')
ON CONFLICT DO NOTHING`, r.School, r.Bridge, r.Portal, r.Dir, r.Key, linkDropped, s.stamp()); err != nil {
			return err
		}
		if err := s.countDrops(ctx, plain{s, tx}, map[[3]string]int64{{string(r.School), string(r.Bridge), DropDiscarded}: 1}); err != nil {
			return err
		}
		_, err := exec(ctx, tx, putAudit, r.School, s.stamp(), clean(who), fmt.Sprintf("discarded dead letter %d", number))
		return err
	})
}

// exhume removes a dead letter and lets f decide what becomes of it, with its
// lane locked.
func (s *Store) exhume(ctx context.Context, op string, number int64, f func(context.Context, *sqlx.Tx, *deadRow, *laneRow) error) error {
	return s.inTx(ctx, op, func(ctx context.Context, tx *sqlx.Tx) error {
		var r deadRow
		if err := tx.GetContext(ctx, &r, tx.Rebind("SELECT "+deadColumns+" FROM dead_letter WHERE number = ?"), number); err != nil {
			return err
		}
		ids, err := s.laneIDs(ctx, plain{s, tx}, nil, []LaneKey{r.LaneKey})
		if err != nil {
			return err
		}
		lanes, err := s.lockLanes(ctx, plain{s, tx}, []int64{ids[r.LaneKey]})
		if err != nil {
			return err
		}
		l := lanes[ids[r.LaneKey]]
		if l == nil {
			return errors.New("a dead letter without a lane")
		}
		n, err := exec(ctx, tx, "DELETE FROM dead_letter WHERE number = ?", number)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNoRow // another process was faster
		}
		if err := f(ctx, tx, &r, l); err != nil {
			return err
		}
		return s.storeLanes(ctx, plain{s, tx}, lanes)
	})
}
