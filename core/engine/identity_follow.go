package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// followIdentities does what follows from changed links: who must know is told, and
// the rooms of those people are compared anew, because whose own account is in a room
// needs no ghost there.
func (e *Engine) followIdentities(ctx context.Context, trouble map[string]time.Time) {
	moved := e.identities.takeMoved()
	for n, k := range moved {
		if err := e.compareRoomsOf(ctx, k); err != nil {
			for _, rest := range moved[n:] {
				e.identities.putMoved(rest)
			}
			if ctx.Err() == nil {
				e.complain(ctx, trouble, "rooms of a linked person not compared", 0, err)
			}
			break
		}
	}
	e.identities.mu.RLock()
	revision := e.identities.revision
	e.identities.mu.RUnlock()
	if revision == e.toldIdentities {
		return
	}
	if err := e.tellIdentities(ctx); err != nil {
		if ctx.Err() == nil {
			e.complain(ctx, trouble, "changed links not told", 0, err)
		}
		return
	}
	e.toldIdentities = revision
}

// compareRoomsOf lets the rooms of a person's portals be compared: those in which the
// ghost is, and those in which the person's own account is known to be.
func (e *Engine) compareRoomsOf(ctx context.Context, k ghostKey) error {
	rooms := map[id.RoomID]struct{}{}
	g, err := e.ghosts.known(ctx, e.st, k.school, k.bridge, k.user)
	if err == nil { // otherwise there is none
		joined, err := e.hs.Rooms(ctx, g.MXID)
		if err != nil && bridge.Classify(err) != bridge.ClassPermanent {
			return fmt.Errorf("list rooms of ghost: %w", err)
		}
		for _, room := range joined {
			rooms[room] = struct{}{}
		}
	}
	for _, p := range e.portals.all() {
		if p.School != k.school || p.Bridge != k.bridge || p.Room == "" {
			continue
		}
		_, asked := rooms[p.Room]
		for _, mxid := range e.identities.accounts(k) {
			_, in := e.members.get(p.Room, mxid)
			asked = asked || in
		}
		if asked {
			if err := e.wantComparison(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// wantComparison lets the people of a chat be compared with its room.
func (e *Engine) wantComparison(ctx context.Context, p *store.Portal) error {
	l, ok := e.logins[p.Bridge]
	if !ok || !l.caps.Members || !showsMembers(p) {
		return nil
	}
	if err := e.st.WantMembers(ctx, p); err != nil {
		return err
	}
	if l.current() == bridge.StateConnected {
		l.roster.hinted(p.ID, nil, e.now())
	}
	return nil
}

// linkedMemberMoved follows linked people into and out of rooms.
func (e *Engine) linkedMemberMoved(ctx context.Context, room id.RoomID, user id.UserID) error {
	for _, p := range e.portals.room(room) {
		if e.holds(p.School, p.Bridge, user) {
			e.identities.permit(room, user)
			if err := e.wantComparison(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// identityWords are what people are told about links, by language.
var identityWords = map[string]map[string]string{ //nolint:gochecknoglobals // a constant table
	"en": {
		"proven":   "%s has proved an account on %s and asks for what is written there to appear as %[1]s. Write identities to see whose it is and to decide.",
		"approved": "Approved: what you write on %[2]s now appears as your own account, in the rooms that you are in. To end it, write: identity remove %[3]s",
		"ended":    "Your accounts on %[2]s and Matrix are not linked, or no longer. Your school's administrators can tell you why.",
	},
	"de": {
		"proven":   "%s hat ein Konto auf %s nachgewiesen und möchte, dass dort Geschriebenes als %[1]s erscheint. Mit identities sehen Sie, um wen es geht, und können entscheiden.",
		"approved": "Freigegeben: Was Sie auf %[2]s schreiben, erscheint jetzt als Ihr eigenes Konto, in den Räumen, in denen Sie sind. Um das zu beenden, schreiben Sie: identity remove %[3]s",
		"ended":    "Ihre Konten auf %[2]s und Matrix sind nicht oder nicht mehr verbunden. Den Grund kennt die Administration Ihrer Schule.",
	},
}

// tellIdentities tells administrators what waits for them, and people what others
// have decided: in the direct rooms in which they last wrote to the bot, once.
func (e *Engine) tellIdentities(ctx context.Context) error {
	all, err := e.st.IdentitiesSince(ctx, e.now().Add(-ownLatest))
	if err != nil {
		return err
	}
	var in store.Intake
	for _, i := range all {
		var to []id.UserID
		switch {
		case i.State == store.IdentityProven:
			to = e.school(i.School).Admins
		case i.State == store.IdentityApproved, i.State == store.IdentityEnded && i.User != "" && i.By != string(i.MXID):
			to = []id.UserID{i.MXID}
		}
		for _, who := range slices.Compact(slices.Sorted(slices.Values(to))) {
			if err := e.identityNotice(ctx, &in, i, who); err != nil {
				return err
			}
		}
	}
	if len(in.Entries) == 0 {
		return nil
	}
	_, err = e.queue.Accept(ctx, in)
	return err
}

// identityNotice adds what one person is told about a link.
func (e *Engine) identityNotice(ctx context.Context, in *store.Intake, i store.Identity, who id.UserID) error {
	room, err := e.managementRoom(ctx, who)
	if err != nil || room == "" {
		return err
	}
	words, ok := identityWords[e.school(i.School).Language]
	if !ok {
		words = identityWords["en"]
	}
	network := string(i.Bridge)
	if l, ok := e.logins[i.Bridge]; ok {
		network = l.spec.Name
	}
	payload, err := json.Marshal(notice{Room: room, Text: fmt.Sprintf(words[string(i.State)], i.MXID, network, i.Bridge)})
	if err != nil {
		return fmt.Errorf("encode notice: %w", err)
	}
	key := bridge.Key(fmt.Sprintf("identity:%d:%s:%d:%s", i.ID, i.State, i.Changed.UnixMilli(), who))
	in.Entries = append(in.Entries, store.Entry{Lane: control(i.School), Key: key, Kind: kindReply, Payload: payload})
	return nil
}

// managementRoom is the direct room in which somebody last wrote to the bot.
func (e *Engine) managementRoom(ctx context.Context, who id.UserID) (id.RoomID, error) {
	return recall[id.RoomID](ctx, e, &store.Portal{}, managementName(who))
}

func managementName(who id.UserID) string { return "management room of " + string(who) }

// rememberManagement notes the direct room of somebody who writes to the bot.
func (e *Engine) rememberManagement(ctx context.Context, who id.UserID, room id.RoomID) error {
	if known, err := e.managementRoom(ctx, who); err != nil || known == room {
		return err
	}
	return e.remember(ctx, &store.Portal{}, managementName(who), room)
}
