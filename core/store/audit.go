package store

import (
	"context"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// AuditEntry is something that a person changed.
type AuditEntry struct {
	School bridge.SchoolID `db:"school"`
	Who    string          `db:"who"`
	What   string          `db:"what"`
	At     time.Time       `db:"-"`
}

const putAudit = "INSERT INTO audit (school, at, who, what) VALUES (?, ?, ?, ?)"

// Audit notes what a person changed. what holds no message content.
func (s *Store) Audit(ctx context.Context, school bridge.SchoolID, who, what string) error {
	_, err := exec(ctx, s.w, putAudit, school, s.stamp(), clean(who), clean(what))
	return wrap("write audit", err)
}

// Audits lists the last changes, newest first.
func (s *Store) Audits(ctx context.Context, limit int) ([]AuditEntry, error) {
	var rows []struct {
		AuditEntry
		AtMS int64 `db:"at"`
	}
	if err := s.r.SelectContext(ctx, &rows, s.r.Rebind("SELECT school, who, what, at FROM audit ORDER BY id DESC LIMIT ?"), limit); err != nil {
		return nil, wrap("read audit", err)
	}
	out := make([]AuditEntry, len(rows))
	for i, r := range rows {
		out[i] = r.AuditEntry
		out[i].At = at(r.AtMS)
	}
	return out, nil
}
