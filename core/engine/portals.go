package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

type chatKey struct {
	bridge bridge.ID
	chat   bridge.ChatID
}

// portals is the set of portals in memory. Portals in it are replaced, never
// changed in place; so are the slices of byRoom.
type portals struct {
	// taking is held from the reading or changing of rows until memory has them: what is
	// older must not replace what is newer. The database lets changes wait for each
	// other anyway.
	taking   sync.Mutex
	mu       sync.RWMutex
	revision int64
	changes  int64 // counts what has changed in memory
	byID     map[int64]*store.Portal
	byChat   map[chatKey]*store.Portal
	byRoom   map[id.RoomID][]*store.Portal
	bySlug   map[string]*store.Portal // bridge + "_" + slug
	schools  map[bridge.ID][]bridge.SchoolID
}

func newPortals() *portals { return &portals{revision: -1} }

// set replaces all portals and returns those that are new or differ in more than
// their cursor.
func (p *portals) set(revision int64, all []store.Portal) map[int64]struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := map[int64]struct{}{}
	for i := range all {
		if old := p.byID[all[i].ID]; old == nil || !same(*old, all[i]) {
			changed[all[i].ID] = struct{}{}
		}
	}
	p.revision = revision
	p.changes++
	p.byID = make(map[int64]*store.Portal, len(all))
	p.byChat = make(map[chatKey]*store.Portal, len(all))
	p.byRoom = make(map[id.RoomID][]*store.Portal, len(all))
	p.bySlug = make(map[string]*store.Portal, len(all))
	p.schools = map[bridge.ID][]bridge.SchoolID{}
	for i := range all {
		p.add(&all[i])
	}
	return changed
}

func same(a, b store.Portal) bool {
	a.Cursor, b.Cursor = "", ""
	return a == b
}

// put replaces one portal.
func (p *portals) put(po *store.Portal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	if old := p.byID[po.ID]; old != nil {
		delete(p.bySlug, slugKey(old.Bridge, old.Slug))
		if old.Room != "" {
			rest := slices.DeleteFunc(slices.Clone(p.byRoom[old.Room]), func(o *store.Portal) bool { return o.ID == po.ID })
			p.byRoom[old.Room] = rest
		}
	}
	p.add(po)
}

func (p *portals) add(po *store.Portal) {
	if !slices.Contains(p.schools[po.Bridge], po.School) {
		p.schools[po.Bridge] = append(p.schools[po.Bridge], po.School)
	}
	p.byID[po.ID] = po
	p.byChat[chatKey{po.Bridge, po.Chat}] = po
	p.bySlug[slugKey(po.Bridge, po.Slug)] = po
	if po.Room != "" {
		p.byRoom[po.Room] = append(slices.Clone(p.byRoom[po.Room]), po)
	}
}

func slugKey(b bridge.ID, slug string) string { return string(b) + "_" + slug }

func (p *portals) id(n int64) *store.Portal {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.byID[n]
}

func (p *portals) chat(b bridge.ID, c bridge.ChatID) *store.Portal {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.byChat[chatKey{b, c}]
}

func (p *portals) room(r id.RoomID) []*store.Portal {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.byRoom[r]
}

func (p *portals) slug(key string) *store.Portal {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.bySlug[key]
}

// schoolsOn lists the schools that have portals on a bridge.
func (p *portals) schoolsOn(b bridge.ID) []bridge.SchoolID {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.schools[b]
}

// changed counts what has changed in memory so far.
func (p *portals) changed() int64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.changes
}

func (p *portals) all() []*store.Portal {
	p.mu.RLock()
	defer p.mu.RUnlock()
	out := make([]*store.Portal, 0, len(p.byID))
	for _, po := range p.byID {
		out = append(out, po)
	}
	return out
}

// reload reads portals and links again if another revision is in the database.
func (e *Engine) reload(ctx context.Context) error {
	if err := e.reloadIdentities(ctx); err != nil {
		return err
	}
	revision, err := e.st.Revision(ctx)
	if err != nil {
		return fmt.Errorf("read revision of portals: %w", err)
	}
	e.portals.taking.Lock()
	defer e.portals.taking.Unlock()
	e.portals.mu.RLock()
	same := revision == e.portals.revision
	e.portals.mu.RUnlock()
	if same {
		return nil
	}
	all, err := e.st.Portals(ctx)
	if err != nil {
		return fmt.Errorf("read portals: %w", err)
	}
	spaces, err := e.st.Spaces(ctx)
	if err != nil {
		return fmt.Errorf("read spaces: %w", err)
	}
	e.spaces.set(spaces)
	changed := e.portals.set(revision, all)
	if len(changed) > 0 {
		// What was held may go on now.
		e.queue.Wake(func(k store.LaneKey) bool { _, ok := changed[k.Portal]; return ok })
	}
	return nil
}

// change updates a portal in the database and in memory.
func (e *Engine) change(ctx context.Context, portal int64, f func(*store.Portal) error) error {
	now, err := e.changeRow(ctx, portal, f)
	if err != nil {
		return err
	}
	if l, ok := e.logins[now.Bridge]; ok && l.caps.Members && l.current() == bridge.StateConnected && showsMembers(now) {
		l.roster.schedule(portal, e.now())
	}
	e.queue.Wake(func(k store.LaneKey) bool { return k.Portal == portal })
	return nil
}

func (e *Engine) changeRow(ctx context.Context, portal int64, f func(*store.Portal) error) (*store.Portal, error) {
	e.portals.taking.Lock()
	defer e.portals.taking.Unlock()
	var now store.Portal
	err := e.st.UpdatePortal(ctx, portal, func(p *store.Portal) error {
		if err := f(p); err != nil {
			return err
		}
		now = *p
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("update portal %d: %w", portal, err)
	}
	e.portals.put(&now)
	return &now, nil
}

func lane(p *store.Portal, dir store.Dir) store.LaneKey {
	return store.LaneKey{School: p.School, Bridge: p.Bridge, Portal: p.ID, Dir: dir}
}

// control is the lane of what is said to and by the bot itself.
func control(school bridge.SchoolID) store.LaneKey {
	return store.LaneKey{School: school, Dir: store.DirControl}
}

// people is the lane of profile changes of a bridge.
func people(b bridge.ID) store.LaneKey { return store.LaneKey{Bridge: b, Dir: store.DirIn} }
