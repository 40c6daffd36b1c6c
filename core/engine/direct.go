package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// Direct chats: people of a network write to a Matrix person's account there, alone
// or with a few others, and a Matrix person begins a direct chat with a ghost. Nobody
// links them: each becomes a portal with a room of its own, read by the account of one
// of its Matrix people. Only where the school allows it, and only between those who
// share a conversation of it.

// originDirect is that of the portals of direct chats.
const originDirect = "direct"

// loginOf returns the login that reads a portal's chat.
func (e *Engine) loginOf(ctx context.Context, p *store.Portal) (*login, error) {
	l, ok := e.logins[p.Bridge]
	if !ok {
		return nil, fmt.Errorf("%w: bridge %s is not in the configuration", bridge.ErrNotFound, p.Bridge)
	}
	return e.account(ctx, l, p.Reader)
}

// Direct implements [bridge.Sink].
func (s *sink) Direct(ctx context.Context, d bridge.Direct) (bool, error) {
	p, err := s.e.directFound(ctx, s.l, d)
	return err == nil && p != nil && p.Reader == s.l.puppet && p.Mode != store.ModeOff && p.Follows, err
}

// directFound returns the portal of a direct chat that a puppet is in, and makes it
// when there is none. It is nil when the chat may not cross.
func (e *Engine) directFound(ctx context.Context, l *login, d bridge.Direct) (*store.Portal, error) {
	relay := e.logins[l.spec.ID]
	owner, err := e.standsFor(ctx, relay, l.puppet)
	if err != nil || owner == "" {
		return nil, err
	}
	if err := e.reload(ctx); err != nil {
		return nil, err
	}
	if p := e.portals.chat(l.spec.ID, d.Chat); p != nil {
		if !p.Direct() {
			return nil, nil
		}
		return p, e.joinDirect(ctx, p, owner)
	}
	people, others := []id.UserID{owner}, []bridge.UserID{}
	for _, u := range d.People {
		who, err := e.standsFor(ctx, relay, u)
		switch {
		case err != nil:
			return nil, err
		case who != "":
			people = append(people, who)
		default:
			others = append(others, u)
		}
	}
	school, names, err := e.directSchool(ctx, relay, l.puppet, others)
	if err != nil {
		return nil, err
	}
	if school == nil {
		return nil, e.refuseDirect(ctx, l, d.Chat)
	}
	p := &store.Portal{
		School: school.ID, Bridge: l.spec.ID, Chat: d.Chat, Ref: "direct/" + string(d.Chat), Slug: directSlug(d.Chat),
		Name: strings.Join(names, ", "), Private: true, Mode: store.ModeBoth, Origin: originDirect,
		Members: words(people), Follows: true, Cursor: d.From, Reader: l.puppet,
	}
	if err := e.st.InsertPortal(ctx, p); err != nil && !errors.Is(err, store.ErrExists) {
		return nil, err
	}
	if err := e.reload(ctx); err != nil {
		return nil, err
	}
	e.poke()
	return e.portals.chat(l.spec.ID, d.Chat), nil
}

func words(people []id.UserID) string {
	out := make([]string, len(people))
	for n, who := range people {
		out[n] = string(who)
	}
	return strings.Join(out, " ")
}

// directSlug is a chat's ID as part of an alias; IDs may differ in their case.
func directSlug(chat bridge.ChatID) string {
	sum := sha256.Sum256([]byte(chat))
	return "direct." + hex.EncodeToString(sum[:12])
}

// directSchool finds the school in which a puppet and all the others have a
// conversation, and the names of the others; nil when there is none that allows it.
func (e *Engine) directSchool(ctx context.Context, l *login, puppet bridge.UserID, others []bridge.UserID) (*School, []string, error) {
	if len(others) == 0 {
		return nil, nil, nil
	}
	chats, err := e.st.PuppetChats(ctx, l.spec.ID, puppet)
	if err != nil {
		return nil, nil, err
	}
	in := map[bridge.SchoolID]bool{}
	for _, c := range chats {
		if p := e.portals.chat(l.spec.ID, c); p != nil && p.Mode != store.ModeOff {
			in[p.School] = true
		}
	}
	for n := range e.opts.Schools {
		s := &e.opts.Schools[n]
		if !s.Direct || !in[s.ID] {
			continue
		}
		names, err := e.namesIn(ctx, s.ID, l.spec.ID, others)
		if err != nil {
			return nil, nil, err
		}
		if len(names) == len(others) {
			return s, names, nil
		}
	}
	return nil, nil, nil
}

// namesIn lists how those people are called who have been seen in a school.
func (e *Engine) namesIn(ctx context.Context, school bridge.SchoolID, b bridge.ID, people []bridge.UserID) ([]string, error) {
	var names []string
	for _, u := range people {
		g, err := e.ghosts.known(ctx, e.st, school, b, u)
		if errors.Is(err, store.ErrNoRow) || err == nil && g.Bot {
			continue
		}
		if err != nil {
			return nil, err
		}
		names = append(names, g.Name)
	}
	return names, nil
}

// refuseDirect tells those in a chat, once, that it does not cross.
func (e *Engine) refuseDirect(ctx context.Context, l *login, chat bridge.ChatID) error {
	sum := sha256.Sum256([]byte("refused " + chat))
	_, err := l.client.Send(ctx, &bridge.Outgoing{
		Key: bridge.Key(hex.EncodeToString(sum[:12])), Chat: chat, Uncertain: true, Time: e.now(),
		Author:  bridge.Author{ID: e.hs.Bot(), Name: "Steg"},
		Content: &event.MessageEventContent{MsgType: event.MsgNotice, Body: e.noDirect(l.spec.ID)},
		Hop:     e.opts.Limits.MaxHops,
	})
	if err != nil && bridge.Classify(err) != bridge.ClassPermanent {
		return fmt.Errorf("tell that a direct chat does not cross: %w", err)
	}
	return nil
}

// noDirect says it in the language of the first school on a bridge.
func (e *Engine) noDirect(b bridge.ID) string {
	p := &store.Portal{}
	if schools := e.portals.schoolsOn(b); len(schools) > 0 {
		p.School = schools[0]
	}
	return e.words(p)["direct.refused"]
}

// joinDirect lets one more Matrix person into the room of a direct chat.
func (e *Engine) joinDirect(ctx context.Context, p *store.Portal, who id.UserID) error {
	if slices.Contains(strings.Fields(p.Members), string(who)) {
		return nil
	}
	err := e.change(ctx, p.ID, func(p *store.Portal) error { p.Members += " " + string(who); return nil })
	if err != nil || p.Room == "" {
		return err
	}
	return e.inviteAll(ctx, e.portals.id(p.ID))
}

// inviteAll invites the Matrix people of a direct chat who are not in its room: who
// has left it must not miss what is written.
func (e *Engine) inviteAll(ctx context.Context, p *store.Portal) error {
	members, err := e.membersOf(ctx, p.Room)
	if err != nil {
		return err
	}
	for m := range strings.FieldsSeq(p.Members) {
		if _, here := members[id.UserID(m)]; here {
			continue
		}
		if err := e.hs.Invite(ctx, p.Room, id.UserID(m)); err != nil && bridge.Classify(err) != bridge.ClassPermanent {
			return fmt.Errorf("invite into direct chat: %w", err)
		}
	}
	return nil
}

// beginDirect makes the direct chat of a Matrix person with a ghost, in a room of
// ours: the one that the ghost was invited into may be encrypted, or have others in it.
func (e *Engine) beginDirect(ctx context.Context, who, ghost id.UserID) error {
	g, err := e.st.GhostByMXID(ctx, ghost)
	if errors.Is(err, store.ErrNoRow) {
		return nil
	}
	l, ok := e.logins[g.Bridge]
	if err != nil || !ok || !l.caps.Directs {
		return err
	}
	row, err := e.puppet(ctx, l, who)
	if errors.Is(err, store.ErrNoRow) {
		return nil
	}
	if err != nil {
		return err
	}
	school, _, err := e.directSchool(ctx, l, row.User, []bridge.UserID{g.User})
	if err != nil || school == nil {
		return err
	}
	own, err := e.account(ctx, l, row.User)
	if err != nil {
		return err
	}
	opener, ok := own.client.(bridge.DirectOpener)
	if !ok {
		return nil
	}
	d, err := opener.OpenDirect(ctx, []bridge.UserID{g.User})
	if err = e.renewed(ctx, own, err); err != nil {
		return fmt.Errorf("open direct chat: %w", err)
	}
	p, err := e.directFound(ctx, own, d)
	if err != nil || p == nil || p.Mode == store.ModeOff {
		return err
	}
	if _, err := e.ensureRoom(ctx, p); err != nil {
		return err
	}
	p = e.portals.id(p.ID)
	if _, err := e.ensureGhost(ctx, p, p.Room, g.User); err != nil {
		return err
	}
	return e.inviteAll(ctx, p)
}

// applyDirects switches direct chats off where the school does not allow them any
// more, and on again.
func (e *Engine) applyDirects(ctx context.Context) error {
	for _, p := range e.portals.all() {
		if !p.Direct() || (p.Mode != store.ModeOff) == e.school(p.School).Direct {
			continue
		}
		err := e.change(ctx, p.ID, func(p *store.Portal) error {
			if p.Mode == store.ModeOff {
				p.Mode = store.ModeBoth
			} else {
				p.Mode = store.ModeOff
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// entitledIn lists who may be in the room of a private chat. A direct chat is nobody
// else's business.
func (e *Engine) entitledIn(p *store.Portal) []string {
	entitled := strings.Fields(p.Members)
	if p.Direct() {
		return entitled
	}
	for _, a := range e.school(p.School).Admins {
		entitled = append(entitled, string(a))
	}
	return entitled
}

// moderators are who gets a moderator's level in a room that we made.
func (e *Engine) moderators(p *store.Portal) []id.UserID {
	if p.Direct() {
		return nil
	}
	return e.school(p.School).Admins
}
