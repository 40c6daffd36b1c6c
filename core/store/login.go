package store

import (
	"context"

	"github.com/steg-bridge/steg/core/bridge"
)

// OwnLogin claims the login of a bridge for this process, or keeps it, and says
// whether this process holds it. A login has one holder at a time; a holder that
// stopped or fell silent loses it. On SQLite the answer is always yes.
func (i *Instance) OwnLogin(ctx context.Context, br bridge.ID) (bool, error) {
	if !i.s.Multi() {
		return true, nil
	}
	if !i.Live() {
		return false, wrap("claim login", errNotLive)
	}
	n, err := exec(ctx, i.s.w, `INSERT INTO login_owner (bridge, owner) VALUES (?, ?)
ON CONFLICT (bridge, school) DO UPDATE SET owner = excluded.owner
WHERE login_owner.owner = excluded.owner
OR NOT EXISTS (SELECT 1 FROM instance i WHERE i.id = login_owner.owner AND i.beat_at >= `+i.s.aliveSince()+`)`, br, i.id)
	return n > 0, wrap("claim login", err)
}

// ReleaseLogin lets another process take the bridge's login at once.
func (i *Instance) ReleaseLogin(ctx context.Context, br bridge.ID) error {
	_, err := exec(ctx, i.s.w, "DELETE FROM login_owner WHERE bridge = ? AND owner = ?", br, i.id)
	return wrap("release login", err)
}

// SaveLogin stores the state of a login, for status.
func (s *Store) SaveLogin(ctx context.Context, l LoginState) error {
	_, err := exec(ctx, s.w, `INSERT INTO login (bridge, login, state, cause, since) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (bridge, login, school) DO UPDATE SET state = excluded.state, cause = excluded.cause, since = excluded.since`,
		l.Bridge, clean(l.Login), l.State, clean(l.Cause), ms(l.Since))
	return wrap("save login", err)
}

// Logins lists the states of all logins.
func (s *Store) Logins(ctx context.Context) ([]LoginState, error) {
	var rows []struct {
		LoginState
		SinceMS int64 `db:"since"`
	}
	if err := s.r.SelectContext(ctx, &rows, "SELECT bridge, login, state, cause, since FROM login ORDER BY bridge, login"); err != nil {
		return nil, wrap("list logins", err)
	}
	out := make([]LoginState, len(rows))
	for i, r := range rows {
		out[i] = r.LoginState
		out[i].Since = at(r.SinceMS)
	}
	return out, nil
}
