package store

import (
	"context"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// IdentityState is how far a link between two accounts of a person is.
type IdentityState string

// The states of an identity, in their order.
const (
	IdentityAsked    IdentityState = "asked"    // a code is on its way to the network account
	IdentityProven   IdentityState = "proven"   // the Matrix account knew the code
	IdentityApproved IdentityState = "approved" // an administrator agrees: it holds
	IdentityEnded    IdentityState = "ended"
)

// Identity is a link between a person's account on a network and their own Matrix
// account, in one school.
type Identity struct {
	ID     int64           `db:"id"` // how people name it
	School bridge.SchoolID `db:"school"`
	Bridge bridge.ID       `db:"bridge"`
	User   bridge.UserID   `db:"remote_user"` // "" = nobody was found
	MXID   id.UserID       `db:"mxid"`
	Ref    string          `db:"ref"` // the network's name for the account when it was asked for
	State  IdentityState   `db:"state"`
	Code   string          `db:"code"`  // what tells the code, hashed; "" when there is none
	Tries  int             `db:"tries"` // wrong codes so far
	Acted  bool            `db:"acted"` // was approved once; set by the store
	By     string          `db:"changed_by"`

	Made    time.Time `db:"-"`
	Changed time.Time `db:"-"`
}

const identityColumns = "id, school, bridge, remote_user, mxid, ref, state, code, tries, acted, changed_by, made_at, changed_at"

type identityRow struct {
	Identity
	MadeMS    int64 `db:"made_at"`
	ChangedMS int64 `db:"changed_at"`
}

func (r identityRow) identity() Identity {
	r.Made, r.Changed = at(r.MadeMS), at(r.ChangedMS)
	return r.Identity
}

// identityRest is how long what led to nothing is kept: to count how often somebody
// asks.
const identityRest = 24 * time.Hour

// AddIdentity stores a request and sets its ID and times. An earlier open request of
// the same person on the same network of the school ends.
func (s *Store) AddIdentity(ctx context.Context, i *Identity) error {
	now := s.stamp()
	return s.inTx(ctx, "ask for an identity", func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := exec(ctx, tx, "DELETE FROM identity WHERE NOT acted AND state IN (?, ?) AND changed_at < ?",
			IdentityAsked, IdentityEnded, now-identityRest.Milliseconds()); err != nil {
			return err
		}
		if _, err := exec(ctx, tx, "UPDATE identity SET state = ?, code = '', changed_at = ?, changed_by = ? WHERE mxid = ? AND bridge = ? AND school = ? AND state = ?",
			IdentityEnded, now, clean(i.By), clean(i.MXID), i.Bridge, i.School, IdentityAsked); err != nil {
			return err
		}
		i.Made, i.Changed = at(now), at(now)
		return tx.GetContext(ctx, &i.ID, tx.Rebind(`INSERT INTO identity
(school, bridge, remote_user, mxid, ref, state, code, tries, acted, made_at, changed_at, changed_by)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, FALSE, ?, ?, ?) RETURNING id`),
			i.School, i.Bridge, clean(i.User), clean(i.MXID), clean(i.Ref), i.State, clean(i.Code), i.Tries, now, now, clean(i.By))
	})
}

// ChangeIdentity reads an identity, lets change alter its state, code and tries, and
// who did it, and stores that in one transaction. An error of change is returned and
// nothing is stored. [ErrNoRow] when there is none, [ErrExists] when it would be the
// second approved one of the account or of the person.
func (s *Store) ChangeIdentity(ctx context.Context, number int64, change func(*Identity) error) error {
	return s.inTx(ctx, "change identity", func(ctx context.Context, tx *sqlx.Tx) error {
		query := "SELECT " + identityColumns + " FROM identity WHERE id = ?"
		if s.Multi() {
			query += " FOR UPDATE"
		}
		var r identityRow
		if err := tx.GetContext(ctx, &r, tx.Rebind(query), number); err != nil {
			return err
		}
		i := r.identity()
		if err := change(&i); err != nil {
			return err
		}
		acted := r.Acted || i.State == IdentityApproved
		if _, err := exec(ctx, tx, "UPDATE identity SET state = ?, code = ?, tries = ?, acted = ?, changed_at = ?, changed_by = ? WHERE id = ?",
			i.State, clean(i.Code), i.Tries, acted, s.stamp(), clean(i.By), number); err != nil {
			return err
		}
		return s.moveRevision(ctx, tx, kvIdentities)
	})
}

// EndIdentities ends every identity of a network account, in all schools, and tells
// in which.
func (s *Store) EndIdentities(ctx context.Context, br bridge.ID, user bridge.UserID, by string) ([]Identity, error) {
	open, err := s.identities(ctx, "remote_user = ? AND remote_user <> '' AND bridge = ? AND state <> ?", clean(user), br, IdentityEnded)
	if err != nil {
		return nil, err
	}
	for _, i := range open {
		err := s.ChangeIdentity(ctx, i.ID, func(i *Identity) error {
			i.State, i.Code, i.By = IdentityEnded, "", by
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return open, nil
}

// Identity reads one. [ErrNoRow] when there is none.
func (s *Store) Identity(ctx context.Context, number int64) (Identity, error) {
	var r identityRow
	err := s.r.GetContext(ctx, &r, s.r.Rebind("SELECT "+identityColumns+" FROM identity WHERE id = ?"), number)
	return r.identity(), wrap("read identity", err)
}

// Identities lists those in some states, oldest first.
func (s *Store) Identities(ctx context.Context, states ...IdentityState) ([]Identity, error) {
	args := make([]any, len(states))
	for n, state := range states {
		args[n] = state
	}
	return s.identities(ctx, "state IN (?"+strings.Repeat(", ?", len(states)-1)+")", args...)
}

// IdentitiesOf lists what a Matrix account has asked for and has, ended ones too.
func (s *Store) IdentitiesOf(ctx context.Context, mxid id.UserID) ([]Identity, error) {
	return s.identities(ctx, "mxid = ?", clean(mxid))
}

// IdentitiesAbout lists what was asked for and is there about a network account, in
// all schools, ended ones too.
func (s *Store) IdentitiesAbout(ctx context.Context, br bridge.ID, user bridge.UserID) ([]Identity, error) {
	return s.identities(ctx, "remote_user = ? AND bridge = ?", clean(user), br)
}

// ActedAs lists those identities that hold or have held, of all people: their Matrix
// accounts may have events that are ours.
func (s *Store) ActedAs(ctx context.Context) ([]Identity, error) {
	return s.identities(ctx, "acted")
}

// IdentitiesSince lists those that have changed since a time.
func (s *Store) IdentitiesSince(ctx context.Context, since time.Time) ([]Identity, error) {
	return s.identities(ctx, "changed_at >= ?", ms(since))
}

func (s *Store) identities(ctx context.Context, where string, args ...any) ([]Identity, error) {
	var rows []identityRow
	query := "SELECT " + identityColumns + " FROM identity WHERE " + where + " ORDER BY id"
	if err := s.r.SelectContext(ctx, &rows, s.r.Rebind(query), args...); err != nil {
		return nil, wrap("list identities", err)
	}
	out := make([]Identity, len(rows))
	for n, r := range rows {
		out[n] = r.identity()
	}
	return out, nil
}

// IdentityRevision is a number that every change of an identity moves.
func (s *Store) IdentityRevision(ctx context.Context) (int64, error) {
	return s.revision(ctx, kvIdentities)
}
