package store

import (
	"context"
	"strconv"

	"github.com/steg-bridge/steg/core/bridge"
)

// Names of values that the store keeps for itself (school and bridge "").
const (
	kvRevision   = "steg.portal_revision"
	kvIdentities = "steg.identity_revision"
	kvProbe      = "steg.probe"
	kvSyncToken  = "steg.sync_token" //nolint:gosec // the name of a row
)

const putValue = `INSERT INTO kv (school, bridge, name, value) VALUES (?, ?, ?, ?)
ON CONFLICT (school, bridge, name) DO UPDATE SET value = excluded.value`

// Value reads a small value. [ErrNoRow] when it was never set.
func (s *Store) Value(ctx context.Context, school bridge.SchoolID, br bridge.ID, key string) (string, error) {
	var v string
	err := s.r.GetContext(ctx, &v, s.r.Rebind("SELECT value FROM kv WHERE school = ? AND bridge = ? AND name = ?"), school, br, clean(key))
	return v, wrap("read value", err)
}

// SetValue stores a small value. Names that begin with "steg." are the store's.
func (s *Store) SetValue(ctx context.Context, school bridge.SchoolID, br bridge.ID, key, value string) error {
	_, err := exec(ctx, s.w, putValue, school, br, clean(key), clean(value))
	return wrap("store value", err)
}

// Probe writes something, to find out whether the database can be written to.
func (s *Store) Probe(ctx context.Context) error {
	_, err := exec(ctx, s.w, putValue, "", "", kvProbe, strconv.FormatInt(s.stamp(), 10))
	return wrap("write to database", err)
}

// SyncToken is the position of the bot's /sync, "" when there is none yet.
func (s *Store) SyncToken(ctx context.Context) (string, error) {
	var v string
	err := s.r.GetContext(ctx, &v, s.r.Rebind("SELECT COALESCE((SELECT value FROM kv WHERE school = '' AND bridge = '' AND name = ?), '')"), kvSyncToken)
	return v, wrap("read sync position", err)
}
