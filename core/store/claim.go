package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/steg-bridge/steg/core/bridge"
)

// Claimed is a lane with work that this process owns.
type Claimed struct {
	Lane LaneKey
	ID   int64
	Last int64 // the last number given out
	// Tried says that an earlier process may have attempted the oldest items, up
	// to and including the first that is not deferred.
	Tried    bool
	Attempts int
	NextAt   time.Time
}

func (l *laneRow) claimed() Claimed {
	return Claimed{Lane: l.LaneKey, ID: l.ID, Last: l.LastSeq, Tried: l.Tried, Attempts: int(l.Attempts), NextAt: at(l.NextAt)}
}

// Claim takes up to limit waiting lanes that have no owner, or whose owner has
// fallen silent. owns says whether this process may send for a bridge (nil = for
// all); other lanes anybody may take.
func (i *Instance) Claim(ctx context.Context, limit int, owns func(bridge.ID) bool) ([]Claimed, error) {
	if !i.Live() {
		return nil, wrap("claim lanes", errNotLive)
	}
	var free []string
	if err := i.s.r.SelectContext(ctx, &free, i.s.r.Rebind(`SELECT id FROM instance WHERE beat_at < `+i.s.aliveSince()+` AND id <> ?`), i.id); err != nil {
		return nil, wrap("claim lanes", err)
	}
	query, args, err := sqlx.In("SELECT DISTINCT dir, bridge FROM lane WHERE busy AND owner IN (?)", append(free, ""))
	if err != nil {
		return nil, wrap("claim lanes", err)
	}
	var kinds []laneKind
	if err := i.s.r.SelectContext(ctx, &kinds, i.s.r.Rebind(query), args...); err != nil {
		return nil, wrap("claim lanes", err)
	}
	kinds = slices.DeleteFunc(kinds, func(k laneKind) bool { return k.Dir == DirOut && owns != nil && !owns(k.Bridge) })
	if len(kinds) == 0 {
		return nil, nil
	}
	return i.claim(ctx, limit, append(free, ""), kinds)
}

type laneKind struct {
	Dir    Dir       `db:"dir"`
	Bridge bridge.ID `db:"bridge"`
}

func (i *Instance) claim(ctx context.Context, limit int, owners []string, kinds []laneKind) ([]Claimed, error) {
	pick, args, err := sqlx.In("SELECT "+laneColumns+" FROM lane WHERE busy AND owner IN (?) AND (dir, bridge) IN (VALUES "+
		strings.Repeat(", (?, ?)", len(kinds))[2:]+") ORDER BY next_at, id LIMIT ?", claimArgs(owners, kinds, limit)...)
	if err != nil {
		return nil, wrap("claim lanes", err)
	}
	if i.s.Multi() {
		pick += " FOR UPDATE SKIP LOCKED"
	}
	var out []Claimed
	err = i.s.inTx(ctx, "claim lanes", func(ctx context.Context, tx *sqlx.Tx) error {
		out = nil
		list, err := selectLanes(ctx, tx, pick, args...)
		if err != nil {
			return err
		}
		ids := i.s.newRows("id:n", "owner:t")
		for _, l := range list {
			l.Tried = l.Tried || l.Owner != ""
			ids.add(l.ID, i.id)
			out = append(out, l.claimed())
		}
		return plain{i.s, tx}.batch(ctx, "claim", takeLanes, ids, nil)
	})
	return out, err
}

const takeLanes = `UPDATE lane SET tried = lane.tried OR lane.owner <> '', owner = d.owner, touched = FALSE FROM @D@ WHERE lane.id = d.id`

func claimArgs(owners []string, kinds []laneKind, limit int) []any {
	args := []any{owners}
	for _, k := range kinds {
		args = append(args, string(k.Dir), string(k.Bridge))
	}
	return append(args, limit)
}

// Touched lists the lanes of this process to which another one added something
// since the last call, with the last number given out.
func (i *Instance) Touched(ctx context.Context) ([]Claimed, error) {
	var n int
	if err := i.s.r.GetContext(ctx, &n, i.s.r.Rebind("SELECT COUNT(*) FROM lane WHERE touched AND owner = ?"), i.id); err != nil || n == 0 {
		return nil, wrap("look for new work", err)
	}
	var out []Claimed
	err := i.s.inTx(ctx, "look for new work", func(ctx context.Context, tx *sqlx.Tx) error {
		list, err := selectLanes(ctx, tx, "UPDATE lane SET touched = FALSE WHERE touched AND owner = ? RETURNING "+laneColumns, i.id)
		out = claimedAll(list)
		return err
	})
	return out, err
}

// Owned lists all lanes with work that this process owns, for a comparison with
// what it believes: after the lease had run out, or after a commit with an
// unknown end.
func (i *Instance) Owned(ctx context.Context) ([]Claimed, error) {
	list, err := selectLanes(ctx, i.s.w, "SELECT "+laneColumns+" FROM lane WHERE busy AND owner = ?", i.id)
	return claimedAll(list), wrap("list own lanes", err)
}

func claimedAll(list []*laneRow) []Claimed {
	out := make([]Claimed, len(list))
	for n := range list {
		out[n] = list[n].claimed()
	}
	return out
}

// Unclaim gives waiting lanes back, for another process to take: those of a
// login that this process lost. tried says that the oldest item may have been
// attempted.
func (i *Instance) Unclaim(ctx context.Context, lane int64, tried bool) error {
	_, err := exec(ctx, i.s.w, "UPDATE lane SET owner = '', tried = tried OR ? WHERE id = ? AND owner = ?", tried, lane, i.id)
	return wrap("give back lane", err)
}
