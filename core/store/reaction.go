package store

import (
	"context"
	"database/sql"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// Reaction is one person's reaction to a message of a portal, as it has crossed.
type Reaction struct {
	School bridge.SchoolID  `db:"school"`
	Bridge bridge.ID        `db:"bridge"`
	Portal int64            `db:"portal"`
	Target bridge.MessageID `db:"target"`
	Dir    Dir              `db:"dir"`    // where it came from: in = network
	Sender id.UserID        `db:"sender"` // the Matrix sender: ghost or person
	// User is whose account on the network holds it, where Sender does not tell: a
	// puppet's, or that of somebody who is shown by their own Matrix account; "".
	User  bridge.UserID `db:"remote_user"`
	Emoji string        `db:"emoji"`
	Event id.EventID    `db:"event_id"` // "" when unknown: it cannot be redacted
	At    time.Time     `db:"-"`
}

const reactionColumns = "school, bridge, portal, target, dir, sender, emoji, event_id, remote_user"

type reactionRow struct {
	Reaction
	AtMS int64 `db:"at"`
}

func (s *Store) reactions(ctx context.Context, where string, args ...any) ([]Reaction, error) {
	var rows []reactionRow
	query := "SELECT " + reactionColumns + ", at FROM reaction WHERE " + where + " ORDER BY at + 0, sender, emoji"
	if err := s.r.SelectContext(ctx, &rows, s.r.Rebind(query), args...); err != nil {
		return nil, wrap("read reactions", err)
	}
	out := make([]Reaction, len(rows))
	for n, r := range rows {
		r.At = at(r.AtMS)
		out[n] = r.Reaction
	}
	return out, nil
}

// Reactions lists the reactions to a message that came from one side, oldest first.
func (s *Store) Reactions(ctx context.Context, portal int64, target bridge.MessageID, dir Dir) ([]Reaction, error) {
	return s.reactions(ctx, "portal = ? AND target = ? AND dir = ?", portal, clean(target), dir)
}

// ReactionByEvent finds the reaction of a Matrix event in a portal. [ErrNoRow] when
// the event is none.
func (s *Store) ReactionByEvent(ctx context.Context, portal int64, event id.EventID) (Reaction, error) {
	found, err := s.reactions(ctx, "event_id = ? AND event_id <> '' AND portal = ?", clean(event), portal)
	if err == nil && len(found) == 0 {
		err = wrap("read reactions", sql.ErrNoRows)
	}
	if err != nil {
		return Reaction{}, err
	}
	return found[0], nil
}

const (
	putReaction = `INSERT INTO reaction (` + reactionColumns + `, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (portal, target, dir, sender, emoji, bridge, school) DO UPDATE SET event_id = excluded.event_id,
remote_user = excluded.remote_user, at = excluded.at`
	deleteReaction = `DELETE FROM reaction WHERE portal = ? AND target = ? AND dir = ? AND sender = ? AND emoji = ? AND bridge = ? AND school = ?`
)

// writeReactions writes what an item that has ended changed in the reactions.
func (c *commit) writeReactions(ctx context.Context, tx session, d *Done) error {
	for i := range d.Unreacted {
		r := &d.Unreacted[i]
		err := tx.one(ctx, deleteReaction, []any{r.Portal, clean(r.Target), r.Dir, clean(r.Sender), clean(r.Emoji), r.Bridge, r.School}, nil)
		if err != nil {
			return err
		}
	}
	for i := range d.Reacted {
		r := &d.Reacted[i]
		when := ms(r.At)
		if when == 0 {
			when = c.now
		}
		err := tx.one(ctx, putReaction, []any{
			r.School, r.Bridge, r.Portal, clean(r.Target), r.Dir, clean(r.Sender), clean(r.Emoji), clean(r.Event), clean(r.User), when,
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}
