package store

import (
	"context"
	"errors"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// MemberCheck is how far the people of a portal's chat have been followed into its
// room. The zero value is a portal that was never compared.
type MemberCheck struct {
	Wanted int64  `db:"wanted"` // hints so far that they have changed
	Done   int64  `db:"done"`   // hints that the last complete comparison has seen
	Sign   string `db:"sign"`   // of the list at that comparison
	At     int64  `db:"at"`     // when that was, in milliseconds since 1970; 0 = never
}

// Due reports whether the list must be read, whatever its sign says.
func (c MemberCheck) Due() bool { return c.Wanted > c.Done || c.At == 0 }

// Since is how long ago the last complete comparison was.
func (c MemberCheck) Since(now time.Time) time.Duration { return now.Sub(time.UnixMilli(c.At)) }

// WantMembers notes a hint.
func (s *Store) WantMembers(ctx context.Context, p *Portal) error {
	_, err := exec(ctx, s.w, `INSERT INTO member_check (school, bridge, portal, wanted, done, sign, at) VALUES (?, ?, ?, 1, 0, '', 0)
ON CONFLICT (portal, bridge, school) DO UPDATE SET wanted = member_check.wanted + 1`, p.School, p.Bridge, p.ID)
	return wrap("note a change of members", err)
}

// MemberCheck reads how far a portal is.
func (s *Store) MemberCheck(ctx context.Context, p *Portal) (MemberCheck, error) {
	var c MemberCheck
	err := s.r.GetContext(ctx, &c, s.r.Rebind("SELECT wanted, done, sign, at FROM member_check WHERE portal = ? AND bridge = ? AND school = ?"),
		p.ID, p.Bridge, p.School)
	if err = wrap("read a comparison of members", err); errors.Is(err, ErrNoRow) {
		return MemberCheck{}, nil
	}
	return c, err
}

// MembersCompared stores a complete comparison that began when the portal's row
// was as seen: hints that came since stay open.
func (s *Store) MembersCompared(ctx context.Context, p *Portal, seen MemberCheck, sign string) error {
	_, err := exec(ctx, s.w, `INSERT INTO member_check (school, bridge, portal, wanted, done, sign, at) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (portal, bridge, school) DO UPDATE SET done = excluded.done, sign = excluded.sign, at = excluded.at`,
		p.School, p.Bridge, p.ID, seen.Wanted, seen.Wanted, clean(sign), s.stamp())
	return wrap("store a comparison of members", err)
}

// MembersDue lists the portals of a bridge with hints that no comparison has seen.
func (s *Store) MembersDue(ctx context.Context, br bridge.ID) ([]int64, error) {
	var ids []int64
	err := s.r.SelectContext(ctx, &ids, s.r.Rebind("SELECT portal FROM member_check WHERE bridge = ? AND wanted > done ORDER BY portal"), br)
	return ids, wrap("list due comparisons of members", err)
}
