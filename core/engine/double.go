package engine

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// speaker is as whom something of a network person is sent into a room: as their own
// account, or as their ghost. What the homeserver refuses to the account is said by
// the ghost, after looking for what an unclear attempt as the account has left.
type speaker struct {
	as  id.UserID
	own bool // a person's own account
	// ghost makes the ghost ready for the room.
	ghost func(ctx context.Context) (id.UserID, error)
	// of is the network person, zero when that is not known.
	of ghostKey
}

// speakerFor finds as whom a network person speaks in a room at this moment. What a
// program writes with the person's account is the ghost's: self is false.
func (e *Engine) speakerFor(ctx context.Context, p *store.Portal, room id.RoomID, user bridge.UserID, self bool) (speaker, error) {
	s := speaker{of: ghostKey{p.School, p.Bridge, user}, ghost: func(ctx context.Context) (id.UserID, error) {
		g, err := e.ensureGhost(ctx, p, room, user)
		return g.MXID, err
	}}
	if self {
		mxid, ok, err := e.writesAs(ctx, p, room, user)
		if err != nil {
			return s, fmt.Errorf("look for a person's own account: %w", err)
		}
		if ok {
			s.as, s.own = mxid, true
			return s, nil
		}
	}
	var err error
	s.as, err = s.ghost(ctx)
	return s, err
}

// voices lists who may have sent in the name of a speaker: the ghost, and accounts
// that are or were linked.
func (e *Engine) voices(s *speaker) []id.UserID {
	accounts := e.identities.accounts(s.of)
	if len(accounts) == 0 {
		return []id.UserID{s.as}
	}
	return append([]id.UserID{e.hs.GhostID(s.of.bridge, s.of.user)}, accounts...)
}

// fallBack makes the ghost speak when the homeserver has refused the person's own
// account. It reports false when that is not what has happened.
func (e *Engine) fallBack(ctx context.Context, s *speaker, room id.RoomID, refusal error) (bool, error) {
	if !s.own || bridge.Classify(refusal) != bridge.ClassPermanent {
		return false, nil
	}
	if errors.Is(refusal, bridge.ErrForbidden) { // and not this one event
		e.identities.refuse(room, s.as, e.now().Add(ownRefused))
	}
	ghost, err := s.ghost(ctx)
	if err != nil {
		return false, err
	}
	s.as, s.own = ghost, false
	return true, nil
}

// mark puts into a send as whom it is, and on that of a person's own account the
// item: see double_echo.go.
func (s *speaker) mark(to *intent.Send, it store.Item) {
	to.As, to.Marker.Item = s.as, ""
	if s.own {
		to.Marker.Item = string(it.Key)
	}
}

// sendAs sends an event that is certainly not there, as the speaker or, where that is
// refused, as the ghost. s tells afterwards who it was.
func (e *Engine) sendAs(ctx context.Context, a queue.Attempt, it store.Item, s *speaker, to intent.Send) (id.EventID, error) {
	s.mark(&to, it)
	ev, err := e.sendNow(ctx, a, it, to)
	if err == nil {
		return ev, nil
	}
	again, gerr := e.fallBack(ctx, s, to.Room, err)
	switch {
	case gerr != nil:
		return "", gerr
	case !again:
		return "", err
	}
	s.mark(&to, it)
	return e.sendNow(ctx, a, it, to)
}

// lookAs finds what an unclear attempt may have sent, whoever spoke then.
func (e *Engine) lookAs(ctx context.Context, a queue.Attempt, it store.Item, s *speaker, to intent.Send) (id.EventID, id.UserID, bool, error) {
	if !a.Uncertain {
		return "", "", false, nil
	}
	// Another process, which may have made that attempt, may have learnt of a link first.
	if err := e.reloadIdentities(ctx); err != nil {
		return "", "", false, &bridge.TemporaryError{Err: err, Unsent: true}
	}
	voices := e.voices(s)
	if len(voices) == 1 {
		to.As = s.as
		ev, ok, err := e.look(ctx, a, it, to)
		return ev, s.as, ok, err
	}
	ev, sender, ok, err := e.hs.FindAmong(ctx, to.Room, voices, to.Marker.ID, lookSince(it, to))
	if err != nil {
		return "", "", false, fmt.Errorf("look before resend: %w", err)
	}
	return ev, sender, ok, nil
}

// editorOf is as whom an event is changed that sender has sent, because by has changed
// the message; ok is false when nobody may any more. A person's own account may only
// while it is linked to that very network account: it may have been to another one when
// the message was sent. Matrix lets nobody else change it.
func (e *Engine) editorOf(p *store.Portal, sender id.UserID, by bridge.UserID) (s speaker, ok bool) {
	s = speaker{as: sender}
	if e.hs.Ours(sender) {
		return s, true
	}
	user, ok := e.identities.person(ownKey{p.School, p.Bridge, sender})
	if !ok || user != by || !e.hs.Puppets() {
		return s, false
	}
	s.own, s.of = true, ghostKey{p.School, p.Bridge, user}
	s.ghost = func(ctx context.Context) (id.UserID, error) {
		g, err := e.ensureGhost(ctx, p, p.Room, user)
		return g.MXID, err
	}
	return s, true
}

// redactAs is who takes back an event that sender has sent for the network: the bot
// where it was no ghost of ours, or an account that we may not act for any more.
func (e *Engine) redactAs(it store.Item, sender id.UserID) id.UserID {
	if e.hs.Ours(sender) || e.holds(it.School, it.Bridge, sender) {
		return sender
	}
	return e.hs.Bot()
}

// keepOrigins adds to the end of an item that became a dead letter what of it is in
// the room as a person's own account, so that it is known when it comes back. A
// replay finds it by its marker.
func (e *Engine) keepOrigins(d *delivery, out *queue.Outcome) {
	if out.Done == nil || out.Done.Verdict != store.Dead {
		return
	}
	for _, l := range d.links {
		if e.hs.Ours(l.Sender) {
			continue
		}
		l.Kind = store.LinkOther
		if l.Key == d.it.Key {
			l.Key += " first" // the item's own key is the dead letter's
		}
		l.Remote, l.RootRemote = "", "" // it is no message until the item has ended well
		out.Done.Links = append(out.Done.Links, l)
	}
}
