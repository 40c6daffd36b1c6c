package store

import (
	"context"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// Fate is what became of an inbound item, seen from an event that names it.
type Fate string

// The fates.
const (
	FateUnknown Fate = ""        // there never was such an item
	FatePending Fate = "pending" // it has not ended
	FateMade    Fate = "made"    // it made this event
	FateOther   Fate = "other"   // it made other events
	FateLost    Fate = "lost"    // it ended as if it had made none
)

// fate asks everything in one statement, which sees one moment: between two the item
// could end.
const fate = `SELECT CASE
WHEN EXISTS (SELECT 1 FROM link WHERE event_id = ? AND event_id <> '' AND portal = ? AND dir = ?) THEN 'made'
WHEN EXISTS (SELECT 1 FROM reaction WHERE event_id = ? AND event_id <> '' AND portal = ? AND dir = ?) THEN 'made'
WHEN EXISTS (SELECT 1 FROM item WHERE portal = ? AND dir = ? AND item_key = ? AND bridge = ? AND school = ?) THEN 'pending'
WHEN EXISTS (SELECT 1 FROM link WHERE item_key >= ? AND item_key < ? AND portal = ? AND dir = ? AND event_id <> '') THEN 'other'
WHEN EXISTS (SELECT 1 FROM dead_letter WHERE portal = ? AND dir = ? AND item_key = ? AND bridge = ? AND school = ?) THEN 'lost'
ELSE COALESCE((SELECT CASE kind WHEN 'dropped' THEN 'lost' ELSE 'other' END FROM link
WHERE item_key = ? AND portal = ? AND dir = ? AND bridge = ? AND school = ?), '') END`

// Fate tells what became of the item with a key in a lane.
func (s *Store) Fate(ctx context.Context, k LaneKey, key bridge.Key, event id.EventID) (Fate, error) {
	ev, item := clean(event), clean(key)
	var f Fate
	err := s.r.GetContext(ctx, &f, s.r.Rebind(fate),
		ev, k.Portal, k.Dir,
		ev, k.Portal, k.Dir,
		k.Portal, k.Dir, item, k.Bridge, k.School,
		item+" ", item+"!", k.Portal, k.Dir, // the rows of its parts, see [Link]
		k.Portal, k.Dir, item, k.Bridge, k.School,
		item, k.Portal, k.Dir, k.Bridge, k.School)
	return f, wrap("look up an item's fate", err)
}
