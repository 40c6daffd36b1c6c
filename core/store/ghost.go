package store

import (
	"context"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

const selectGhost = "SELECT school, bridge, remote_user, mxid, name, avatar_key, bot FROM ghost WHERE "

// Ghost reads what is known of a remote person. [ErrNoRow] when nothing is.
func (s *Store) Ghost(ctx context.Context, school bridge.SchoolID, br bridge.ID, user bridge.UserID) (Ghost, error) {
	var g Ghost
	err := s.r.GetContext(ctx, &g, s.r.Rebind(selectGhost+"school = ? AND bridge = ? AND remote_user = ?"), school, br, user)
	return g, wrap("read ghost", err)
}

// GhostByMXID reads the person that a ghost stands for. [ErrNoRow] when it is no
// ghost of ours.
func (s *Store) GhostByMXID(ctx context.Context, mxid id.UserID) (Ghost, error) {
	var g Ghost
	err := s.r.GetContext(ctx, &g, s.r.Rebind(selectGhost+"mxid = ? ORDER BY school, bridge, remote_user LIMIT 1"), mxid)
	return g, wrap("read ghost", err)
}

// Ghosts lists people of a network who are no programs, at most limit of them.
func (s *Store) Ghosts(ctx context.Context, school bridge.SchoolID, br bridge.ID, limit int) ([]Ghost, error) {
	var out []Ghost
	err := s.r.SelectContext(ctx, &out, s.r.Rebind(selectGhost+"school = ? AND bridge = ? AND NOT bot ORDER BY remote_user LIMIT ?"), school, br, limit)
	return out, wrap("list ghosts", err)
}

// SaveGhost stores what is known of a remote person.
func (s *Store) SaveGhost(ctx context.Context, g Ghost) error {
	_, err := exec(ctx, s.w, `INSERT INTO ghost (school, bridge, remote_user, mxid, name, avatar_key, bot) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (school, bridge, remote_user) DO UPDATE SET mxid = excluded.mxid, name = excluded.name, avatar_key = excluded.avatar_key, bot = excluded.bot`,
		g.School, g.Bridge, clean(g.User), clean(g.MXID), clean(g.Name), clean(g.AvatarKey), g.Bot)
	return wrap("save ghost", err)
}
