package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/store"
)

const (
	// comparisonSteps is how many ghosts one comparison moves before others have
	// their turn; the next one sees what is left.
	comparisonSteps = 500
	// comparisonRefusals ends a comparison in a room that lets nobody in.
	comparisonRefusals = 5
)

// comparison holds the list of a chat against its room.
type comparison struct {
	e    *Engine
	l    *login
	p    *store.Portal
	anew map[bridge.UserID]struct{}

	took  time.Duration // by reading both
	steps int
}

var errNobody = errors.New("the network lists nobody in the chat, not even the login")

// run compares once. next is when the portal is to be looked at again.
func (c *comparison) run(ctx context.Context) (next time.Duration, err error) {
	seen, err := c.e.st.MemberCheck(ctx, c.p)
	if err != nil {
		return 0, err
	}
	known := ""
	if !seen.Due() && seen.Since(c.e.now()) < rosterFull {
		known = c.known(seen.Sign)
	}
	admitted, err := c.e.st.PuppetsIn(ctx, c.p.Bridge, c.p.Chat)
	if err != nil {
		return 0, err
	}
	began := c.e.now()
	list, err := c.list(ctx, c.p, known)
	if err != nil {
		return 0, err
	}
	if list.Same {
		return lookSoon(), nil
	}
	inRoom, err := c.e.hs.Memberships(ctx, c.p.Room)
	if err != nil {
		return 0, fmt.Errorf("list members of the room: %w", err)
	}
	stay, err := c.alsoListed(ctx, inRoom)
	if err != nil {
		return 0, err
	}
	c.took = c.e.now().Sub(began)

	leave, join := c.differences(list.People, inRoom, stay)
	if err := c.takeOut(ctx, leave); err != nil {
		return 0, err
	}
	why, err := c.e.guard(ctx, c.p)
	if err != nil {
		return 0, err
	}
	if why != "" { // strangers see nobody come in
		return time.Minute, nil
	}
	if err := c.bringIn(ctx, join); err != nil {
		return 0, err
	}
	if err := c.movePuppets(ctx, admitted, list.People, inRoom); err != nil {
		return 0, err
	}
	if c.steps >= comparisonSteps {
		return 0, nil
	}
	return lookSoon(), c.e.st.MembersCompared(ctx, c.p, seen, c.sign(list.Sign))
}

// sign makes the stored sign: with another limit the list must be read again.
func (c *comparison) sign(of string) string {
	return strconv.Itoa(c.e.opts.Limits.MembersShown) + " " + of
}

func (c *comparison) known(stored string) string {
	of, ok := strings.CutPrefix(stored, c.sign(""))
	if !ok {
		return ""
	}
	return of
}

func (c *comparison) list(ctx context.Context, p *store.Portal, known string) (*bridge.MemberList, error) {
	lister, ok := c.l.client.(bridge.MemberLister)
	if !ok {
		return nil, bridge.ErrUnsupported
	}
	list, err := lister.Members(ctx, p.Chat, known)
	if err != nil {
		return nil, fmt.Errorf("list people of the chat: %w", err)
	}
	if !list.Same && len(list.People) == 0 {
		return nil, errNobody
	}
	return list, nil
}

// alsoListed are the people of the bridge's other chats that share the room.
func (c *comparison) alsoListed(ctx context.Context, inRoom []intent.Member) (map[id.UserID]struct{}, error) {
	stay := map[id.UserID]struct{}{}
	for _, o := range c.e.portals.room(c.p.Room) {
		if o.ID == c.p.ID || o.Bridge != c.p.Bridge || !showsMembers(o) {
			continue
		}
		list, err := c.list(ctx, o, "")
		if err != nil {
			return nil, err
		}
		for _, who := range list.People {
			if c.showsAsSelf(o, who.ID, inRoom) {
				continue
			}
			stay[c.e.hs.GhostID(o.Bridge, who.ID)] = struct{}{}
		}
	}
	return stay, nil
}

// differences tells who is to leave the room and who is to join it. Programs join
// when they write. So does everybody in a chat with more people than are shown; who
// has left leaves there, too.
func (c *comparison) differences(people []bridge.UserInfo, inRoom []intent.Member, stay map[id.UserID]struct{}) (leave []id.UserID, join []bridge.UserInfo) {
	now := make(map[id.UserID]intent.Member, len(inRoom))
	for _, m := range inRoom {
		now[m.User] = m
	}
	for _, who := range people {
		if who.Gone || c.showsAsSelf(c.p, who.ID, inRoom) {
			continue
		}
		ghost := c.e.hs.GhostID(c.p.Bridge, who.ID)
		stay[ghost] = struct{}{}
		if !who.Bot && c.mayJoin(now[ghost], who.ID) {
			join = append(join, who)
		}
	}
	if len(people) > c.e.opts.Limits.MembersShown {
		join = nil
	}
	for _, m := range inRoom {
		b, _, ghost := c.e.hs.ParseGhost(m.User)
		if _, stays := stay[m.User]; ghost && b == c.p.Bridge && !stays && (m.Membership == "join" || m.Membership == "invite") {
			leave = append(leave, m.User)
		}
	}
	return leave, join
}

// showsAsSelf reports whether a person's own account is in the room and writes there,
// so that it needs no ghost.
func (c *comparison) showsAsSelf(p *store.Portal, user bridge.UserID, inRoom []intent.Member) bool {
	mxid, ok := c.e.linked(p, user)
	return ok && c.e.mayWrite(p, p.Room, mxid) &&
		slices.ContainsFunc(inRoom, func(m intent.Member) bool { return m.User == mxid && m.Membership == "join" })
}

// mayJoin reports whether a ghost is out and may come in. Whom a moderator has
// banned may not; whom one has removed stays out until that person writes, or comes
// into the chat anew.
func (c *comparison) mayJoin(m intent.Member, who bridge.UserID) bool {
	switch m.Membership {
	case "join", "ban":
		return false
	case "leave":
		_, anew := c.anew[who]
		return anew || m.By == m.User || c.e.hs.Ours(m.By)
	}
	return true
}

// takeOut lets ghosts leave.
func (c *comparison) takeOut(ctx context.Context, ghosts []id.UserID) error {
	for _, ghost := range ghosts {
		if c.steps >= comparisonSteps {
			return nil
		}
		err := c.step(ctx, func() error {
			c.e.ghosts.forget(c.p.Room, ghost)
			return c.e.hs.Leave(ctx, c.p.Room, ghost)
		})
		if err != nil && bridge.Classify(err) != bridge.ClassPermanent {
			return fmt.Errorf("leave: %w", err)
		}
	}
	return nil
}

// bringIn lets the ghosts of people join, named as they are now.
func (c *comparison) bringIn(ctx context.Context, people []bridge.UserInfo) error {
	refused := 0
	for _, who := range people {
		if c.steps >= comparisonSteps {
			return nil
		}
		err := c.step(ctx, func() error { return c.join(ctx, who) })
		switch {
		case err == nil:
			refused = 0
		case bridge.Classify(err) != bridge.ClassPermanent:
			return err
		default:
			if refused++; refused >= comparisonRefusals {
				return nil // the room lets nobody in: those who write say so
			}
		}
	}
	return nil
}

func (c *comparison) join(ctx context.Context, who bridge.UserInfo) error {
	k := ghostKey{c.p.School, c.p.Bridge, who.ID}
	g, err := c.e.st.Ghost(ctx, k.school, k.bridge, k.user)
	switch {
	case errors.Is(err, store.ErrNoRow) && who.Name == "":
		_, err = c.e.makeGhost(ctx, k)
	case errors.Is(err, store.ErrNoRow):
		_, err = c.e.registerGhost(ctx, c.l, k, who)
	case err == nil && who.Name != "":
		if g, err = c.e.applyProfile(ctx, c.l, g, who); err == nil {
			c.e.ghosts.refresh(g)
		}
	}
	if err != nil {
		return err
	}
	ghost := c.e.hs.GhostID(c.p.Bridge, who.ID)
	if c.p.Private && c.p.OwnRoom {
		// Such a room is closed: without this each ghost would first be refused. That
		// it is invited already is no trouble; what else there is, the join tells.
		_ = c.e.hs.Invite(ctx, c.p.Room, ghost)
	}
	if err := c.e.hs.EnsureJoined(ctx, c.p.Room, ghost); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	return nil
}

// step does one thing and rests as long as it took: messages come first.
func (c *comparison) step(ctx context.Context, do func() error) error {
	c.steps++
	began := time.Now()
	err := do()
	if !sleep(ctx, max(time.Since(began), c.e.opts.Limits.MemberPause)) {
		return ctx.Err()
	}
	return err
}
