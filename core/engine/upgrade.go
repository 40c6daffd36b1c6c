package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// Room upgrades. A tombstone says that a room goes on in another one; who may write
// it could lead a portal anywhere. So its portal rests at once, and its room is changed
// only for one that is proved to follow it: the new room says so itself, was made by
// who had the power to close the old one, and everything that holds for linked rooms
// holds for it. Whatever is missing stands in the reason of the pause.

const (
	// moving starts the reason of a pause that ends when the portal has moved.
	moving = "moved: "
	// astray starts that of one that only a human ends.
	astray = "not followed: "

	// byHand is what a human does then.
	byHand = ": unlink the chat and link it to the right room, or name that in the configuration"

	moveRetry = 5 * time.Second // while the homeserver does not answer
	moveLook  = time.Minute     // while something is missing
)

// moves is what the process knows of portals that are on their way.
type moves struct {
	// taking is held while a room takes over, so that nothing comes from it meanwhile
	// that would not find its portal.
	taking sync.RWMutex

	mu    sync.Mutex
	later map[int64]time.Time // portals that are not tried before
}

func newMoves() *moves { return &moves{later: map[int64]time.Time{}} }

func (m *moves) delay(portal int64, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.later[portal] = until
}

// again lets all portals on their way be tried again.
func (m *moves) again() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.later)
}

func (m *moves) due(portal int64, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !now.Before(m.later[portal])
}

// onTheMove reports whether a portal waits for its room to be followed.
func onTheMove(p *store.Portal) bool { return strings.HasPrefix(p.Paused, moving) }

// tombstoned lets the portals of a room rest that is said to go on elsewhere.
func (e *Engine) tombstoned(ctx context.Context, ev *intent.Event) error {
	if ev.Type != event.StateTombstone.Type || ev.StateKey == nil || *ev.StateKey != "" {
		return nil
	}
	for _, p := range e.portals.room(ev.Room) {
		if err := e.rest(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// rest pauses a portal until it is clear where its room goes on. Other reasons to
// pause stay: when they end, the closed room shows itself by what it refuses.
func (e *Engine) rest(ctx context.Context, p *store.Portal) error {
	if p.Mode == store.ModeOff || p.Paused != "" && !onTheMove(p) && !strings.HasPrefix(p.Paused, astray) {
		return nil
	}
	e.moves.delay(p.ID, time.Time{})
	err := e.change(ctx, p.ID, func(p *store.Portal) error {
		p.Paused = e.letIn()
		return nil
	})
	e.poke()
	return err
}

// letIn is the reason of a pause until the bot is in the new room. Where anybody may
// join that is a moment.
func (e *Engine) letIn() string {
	return fmt.Sprintf("%sthe room goes on in another one: invite %s into the new room", moving, e.hs.Bot())
}

// refusedByTombstone lets a portal rest when what its room refused was because the
// room is closed, of which nobody may have told us.
func (e *Engine) refusedByTombstone(ctx context.Context, it store.Item, err error) (hold string) {
	p := e.portals.id(it.Portal)
	if p == nil || p.Room == "" || it.Dir != store.DirIn || !errors.Is(err, bridge.ErrForbidden) {
		return ""
	}
	if _, terr := e.hs.Tombstone(ctx, p.Room); terr != nil {
		return ""
	}
	if e.rest(ctx, p) != nil {
		return ""
	}
	if now := e.portals.id(it.Portal); now != nil {
		return now.Paused
	}
	return ""
}

// move follows a portal's room to where it goes on, if that is proved.
func (e *Engine) move(ctx context.Context, p *store.Portal) error {
	stone, err := e.hs.Tombstone(ctx, p.Room)
	if errors.Is(err, bridge.ErrNotFound) { // it does not hold any more
		return e.change(ctx, p.ID, func(p *store.Portal) error { p.Paused = ""; return nil })
	}
	var missing string
	if err == nil {
		missing, err = e.proved(ctx, p, stone)
	}
	switch {
	case err != nil:
		e.moves.delay(p.ID, e.now().Add(moveRetry))
		return fmt.Errorf("follow room: %w", err)
	case missing != "":
		e.moves.delay(p.ID, e.now().Add(moveLook))
		return e.change(ctx, p.ID, func(p *store.Portal) error {
			if onTheMove(p) {
				p.Paused = missing
			}
			return nil
		})
	}
	return e.take(ctx, p, stone)
}

// proved says what is missing before a portal may move, "" when nothing is. A room
// that is not what it seems is left again.
func (e *Engine) proved(ctx context.Context, p *store.Portal, stone intent.Tombstone) (missing string, err error) {
	room := stone.Replacement
	if !strings.HasPrefix(string(room), "!") || room == p.Room {
		return astray + "the room was closed, and names no room that goes on" + byHand, nil
	}
	for _, o := range e.portals.room(room) {
		// Portals that shared the old room share the new one.
		before, err := e.formerRoom(ctx, o)
		switch {
		case err != nil:
			return "", err
		case o.School != p.School || before.Room != p.Room:
			return astray + "the new room is linked to another chat already" + byHand, nil
		}
	}
	if _, err = e.hs.Join(ctx, string(room)); err != nil {
		if bridge.Classify(err) == bridge.ClassPermanent {
			return e.letIn(), nil
		}
		return "", fmt.Errorf("join the new room: %w", err)
	}
	missing, err = e.follows(ctx, p, stone)
	if err == nil && strings.HasPrefix(missing, astray) && len(e.portals.room(room)) == 0 {
		err = e.hs.Leave(ctx, room, e.hs.Bot())
	}
	return missing, err
}

// follows looks at the new room itself.
func (e *Engine) follows(ctx context.Context, p *store.Portal, stone intent.Tombstone) (missing string, err error) {
	begun, err := e.hs.Creation(ctx, stone.Replacement)
	if err != nil {
		return "", err
	}
	if begun.Predecessor != p.Room {
		return astray + "the new room does not say that it follows this one" + byHand, nil
	}
	if begun.Creator != stone.Sender {
		may, err := e.hs.MaySet(ctx, p.Room, begun.Creator, event.StateTombstone.Type)
		if err != nil {
			return "", err
		}
		if !may {
			return astray + "the new room was made by somebody who could not have closed this one" + byHand, nil
		}
	}
	encrypted, err := e.hs.Encrypted(ctx, stone.Replacement)
	switch {
	case err != nil:
		return "", err
	case encrypted:
		return astray + "the new room is encrypted, and Steg cannot read what people write there" + byHand, nil
	}
	there := *p
	there.Room = stone.Replacement
	e.members.forget(there.Room) // nobody told us who has come and gone there
	why, err := e.guard(ctx, &there)
	if why != "" {
		why = moving + why
	}
	return why, err
}

// former is the room that a portal had before and until when, and all that it had.
type former struct {
	Room id.RoomID   `json:"room"`
	At   time.Time   `json:"at"`
	All  []id.RoomID `json:"all"`
}

func formerName(p *store.Portal) string { return fmt.Sprintf("former.%d", p.ID) }

func (e *Engine) formerRoom(ctx context.Context, p *store.Portal) (former, error) {
	return recall[former](ctx, e, p, formerName(p))
}

// take gives a portal its new room. What has been said there so far comes first; and
// once more afterwards, for what another process took meanwhile.
func (e *Engine) take(ctx context.Context, p *store.Portal, stone intent.Tombstone) error {
	room := stone.Replacement
	may, err := e.hs.MaySet(ctx, room, e.hs.Bot(), event.StateJoinRules.Type)
	if err != nil {
		return err
	}
	own := p.OwnRoom && may // it stays ours as long as we may do there what we do in our rooms
	before, err := e.formerRoom(ctx, p)
	if err != nil {
		return err
	}
	if before.Room != p.Room { // else an earlier attempt was cut off
		before = former{Room: p.Room, At: e.now(), All: append(before.All, p.Room)}
		if err := e.remember(ctx, p, formerName(p), before); err != nil {
			return err
		}
	}
	if err := e.takeOver(ctx, p, stone, own); err != nil {
		e.moves.delay(p.ID, e.now().Add(moveRetry))
		return err
	}
	e.log.LogAttrs(ctx, slog.LevelInfo, "room followed", slog.Int64("portal", p.ID))
	said, err := e.saidSince(ctx, stone)
	if err != nil {
		return err
	}
	return e.Accept(ctx, said, nil)
}

// saidSince reads what was said in a new room since the old one was closed.
func (e *Engine) saidSince(ctx context.Context, stone intent.Tombstone) ([]intent.Event, error) {
	const slack = time.Minute // clocks differ
	said, err := e.hs.Backlog(ctx, stone.Replacement)
	if err != nil {
		return nil, fmt.Errorf("read the new room: %w", err)
	}
	return slices.DeleteFunc(said, func(ev intent.Event) bool {
		var head struct {
			Time int64 `json:"origin_server_ts"`
		}
		return json.Unmarshal(ev.Raw, &head) != nil || time.UnixMilli(head.Time).Before(stone.At.Add(-slack))
	}), nil
}

// takeOver makes the change while nothing comes from the homeserver.
func (e *Engine) takeOver(ctx context.Context, p *store.Portal, stone intent.Tombstone, own bool) error {
	e.moves.taking.Lock()
	defer e.moves.taking.Unlock()
	said, err := e.saidSince(ctx, stone)
	if err != nil {
		return err
	}
	room := stone.Replacement
	in := store.Intake{}
	for _, ev := range said {
		if crosses(ev.Type) && !e.hs.Ours(ev.Sender) && policy.Crosses(p.Mode, store.DirOut) {
			in.Entries = append(in.Entries, store.Entry{Lane: lane(p, store.DirOut), Key: bridge.Key(ev.ID), Kind: kindMatrix, Payload: ev.Raw})
		}
	}
	if len(in.Entries) > 0 {
		if _, err := e.queue.Accept(ctx, in); err != nil {
			return fmt.Errorf("store what was said in the new room: %w", err)
		}
	}
	e.members.forget(room)
	old := p.Room
	return e.change(ctx, p.ID, func(p *store.Portal) error {
		if p.Room == old { // else another process was faster
			p.Room, p.OwnRoom, p.Applied, p.Placed, p.Paused = room, own, "", "", ""
		}
		return nil
	})
}

// awaited reports whether a portal waits for the bot to be let into a room.
func (e *Engine) awaited(ctx context.Context, room id.RoomID) (bool, error) {
	for _, p := range e.portals.all() {
		if !onTheMove(p) {
			continue
		}
		stone, err := e.hs.Tombstone(ctx, p.Room)
		switch {
		case err == nil && stone.Replacement == room:
			return true, nil
		case err != nil && bridge.Classify(err) != bridge.ClassPermanent:
			return false, err
		}
	}
	return false, nil
}

// threadIn finds the first message of a thread that is in a room: there a thread whose
// root is in a room that was left goes on from it.
func (e *Engine) threadIn(ctx context.Context, p *store.Portal, room id.RoomID, root bridge.MessageID) (store.Link, bool, error) {
	all, err := e.st.LinksInThread(ctx, p.ID, root)
	if err != nil {
		return store.Link{}, false, err
	}
	at := slices.IndexFunc(all, func(l store.Link) bool { return l.Room == room && l.Event != "" })
	if at < 0 {
		return store.Link{}, false, nil
	}
	return all[at], true, nil
}
