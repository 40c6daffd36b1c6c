package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// Matrix people with accounts of their own are in a chat as long as they are in its
// room: so they can be addressed there before they have said a word. Whom somebody
// on the network takes out of the chat leaves the room, if it is ours.

// peopleMoved lets the chats of a room be compared whose networks know Matrix people.
func (e *Engine) peopleMoved(ctx context.Context, linked []*store.Portal) error {
	for _, p := range linked {
		l, ok := e.logins[p.Bridge]
		if !ok || !puppetsIn(l, p) {
			continue
		}
		if err := e.st.WantMembers(ctx, p); err != nil {
			return err
		}
		if l.current() == bridge.StateConnected {
			l.roster.hinted(p.ID, nil, e.now().Add(rosterWait))
		}
	}
	return nil
}

// puppetsIn reports whether people in a portal's room have accounts in its chat.
func puppetsIn(l *login, p *store.Portal) bool {
	return l.caps.Puppets && !p.Direct() && policy.Crosses(p.Mode, store.DirOut)
}

// movePuppets compares the people in the room with their accounts in the chat.
// admitted was read before people was.
func (c *comparison) movePuppets(ctx context.Context, admitted []bridge.UserID, people []bridge.UserInfo, inRoom []intent.Member) error {
	if !c.l.caps.Puppets || c.p.Direct() {
		return nil
	}
	if !puppetsIn(c.l, c.p) {
		for _, user := range admitted { // nothing of theirs crosses any more
			if err := c.step(ctx, func() error { return c.dismiss(ctx, user) }); err != nil {
				return err
			}
		}
		return nil
	}
	var here []id.UserID
	for _, m := range inRoom {
		if m.Membership == "join" && !c.e.hs.Ours(m.User) {
			here = append(here, m.User)
		}
	}
	done := map[id.UserID]bool{}
	for _, user := range admitted {
		who, err := c.e.standsFor(ctx, c.l, user)
		if err != nil {
			return err
		}
		if who == "" {
			continue
		}
		done[who] = true
		listed := slices.ContainsFunc(people, func(i bridge.UserInfo) bool { return i.ID == user })
		switch {
		case !slices.Contains(here, who):
			err = c.step(ctx, func() error { return c.dismiss(ctx, user) })
		case !listed:
			err = c.step(ctx, func() error { return c.takenOut(ctx, user, who) })
		}
		if err != nil {
			return err
		}
	}
	if len(here) > c.e.opts.Limits.MembersShown {
		return nil // they come when they write
	}
	for _, who := range here {
		if done[who] || c.steps >= comparisonSteps {
			continue
		}
		if err := c.step(ctx, func() error { return c.bringPuppet(ctx, who) }); err != nil {
			return err
		}
	}
	return nil
}

// dismiss takes the account of somebody who has left the room out of the chat.
func (c *comparison) dismiss(ctx context.Context, user bridge.UserID) error {
	maker, _ := c.l.client.(bridge.Puppeteer) // what caps.Puppets says
	if err := maker.Dismiss(ctx, c.p.Chat, user); err != nil && bridge.Classify(err) != bridge.ClassPermanent {
		return fmt.Errorf("take a Matrix person's account out of the chat: %w", err)
	}
	return c.forgetPuppet(ctx, user)
}

func (c *comparison) forgetPuppet(ctx context.Context, user bridge.UserID) error {
	if err := c.e.st.PuppetAdmitted(ctx, c.p.Bridge, c.p.Chat, user, false); err != nil {
		return err
	}
	c.l.puppets.mu.Lock()
	defer c.l.puppets.mu.Unlock()
	delete(c.l.puppets.inChat, chatPuppet{c.p.Chat, user})
	return nil
}

// takenOut follows that somebody on the network has taken an account out of the
// chat. A list is no proof: it may have been read while it changed.
func (c *comparison) takenOut(ctx context.Context, user bridge.UserID, who id.UserID) error {
	maker, _ := c.l.client.(bridge.Puppeteer) // what caps.Puppets says
	in, err := maker.Admitted(ctx, c.p.Chat, user)
	if err != nil || in {
		return err
	}
	if !c.p.OwnRoom || slices.Contains(c.e.school(c.p.School).Admins, who) {
		return nil // what they write is refused there, and they are told
	}
	reason := fmt.Sprintf(c.e.words(c.p)["removed"], c.l.spec.Name)
	if err := c.e.hs.Kick(ctx, c.p.Room, who, reason); err != nil && bridge.Classify(err) != bridge.ClassPermanent {
		return fmt.Errorf("remove from the room: %w", err)
	}
	return c.forgetPuppet(ctx, user)
}

// bringPuppet lets a person's account into the chat. Who cannot have one is spoken
// for by the bridge's.
func (c *comparison) bringPuppet(ctx context.Context, who id.UserID) error {
	row, err := c.e.ensurePuppet(ctx, c.p, c.l, who)
	if err == nil {
		err = c.e.admit(ctx, c.p, c.l, row.User)
	}
	if err == nil || bridge.Classify(err) == bridge.ClassTemporary || ctx.Err() != nil {
		return err
	}
	if !errors.Is(err, errRefusedLately) {
		c.e.log.LogAttrs(ctx, slog.LevelWarn, "no own account for a Matrix person",
			slog.Int64("portal", c.p.ID), slog.String("error", err.Error()))
	}
	return nil
}
