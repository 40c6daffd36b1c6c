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

// portals is the set of portals in memory, replaced when the database's revision
// moves. Portals in it are never changed in place.
type portals struct {
	mu       sync.RWMutex
	revision int64
	byID     map[int64]*store.Portal
	byChat   map[chatKey]*store.Portal
	byRoom   map[id.RoomID][]*store.Portal
	bySlug   map[string]*store.Portal // bridge + "_" + slug
	schools  map[bridge.ID][]bridge.SchoolID
}

func newPortals() *portals { return &portals{revision: -1} }

func (p *portals) set(revision int64, all []store.Portal) {
	byID := make(map[int64]*store.Portal, len(all))
	byChat := make(map[chatKey]*store.Portal, len(all))
	byRoom := make(map[id.RoomID][]*store.Portal, len(all))
	bySlug := make(map[string]*store.Portal, len(all))
	schools := map[bridge.ID][]bridge.SchoolID{}
	for i := range all {
		po := &all[i]
		if !slices.Contains(schools[po.Bridge], po.School) {
			schools[po.Bridge] = append(schools[po.Bridge], po.School)
		}
		byID[po.ID] = po
		byChat[chatKey{po.Bridge, po.Chat}] = po
		bySlug[slugKey(po.Bridge, po.Slug)] = po
		if po.Room != "" {
			byRoom[po.Room] = append(byRoom[po.Room], po)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revision, p.byID, p.byChat, p.byRoom, p.bySlug, p.schools = revision, byID, byChat, byRoom, bySlug, schools
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

func (p *portals) all() []*store.Portal {
	p.mu.RLock()
	defer p.mu.RUnlock()
	out := make([]*store.Portal, 0, len(p.byID))
	for _, po := range p.byID {
		out = append(out, po)
	}
	return out
}

// reload reads the portals again if another revision is in the database.
func (e *Engine) reload(ctx context.Context) error {
	revision, err := e.st.Revision(ctx)
	if err != nil {
		return fmt.Errorf("read revision of portals: %w", err)
	}
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
	e.portals.set(revision, all)
	// What was held may go on now: modes, pauses and rooms have changed.
	e.queue.Wake(func(store.LaneKey) bool { return true })
	return nil
}

// change updates a portal in the database and in memory.
func (e *Engine) change(ctx context.Context, portal int64, f func(*store.Portal) error) error {
	if err := e.st.UpdatePortal(ctx, portal, f); err != nil {
		return fmt.Errorf("update portal %d: %w", portal, err)
	}
	return e.reload(ctx)
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
