package engine

import (
	"sync"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

type spaceKey struct {
	school bridge.SchoolID
	bridge bridge.ID
	space  bridge.SpaceID
}

func keyOfSpace(p *store.Portal) spaceKey { return spaceKey{p.School, p.Bridge, p.Space} }

// spaceRead is when a space was read, and how many hints there had been by then.
type spaceRead struct {
	at   time.Time
	news int64
}

// spaces are the spaces in memory. Those in it are replaced, never changed in place.
type spaces struct {
	mu    sync.Mutex
	byKey map[spaceKey]*store.Space
	read  map[spaceKey]spaceRead // when it was last read; none = it must be
	news  map[spaceKey]int64     // hints so far, without a school; without a space they are about all
	later map[spaceKey]time.Time // not before, after a failure
	asked map[int64]struct{}     // portals whose chat was asked for its space
	shown int64                  // the changes of portals that all spaces show
}

func newSpaces() *spaces {
	return &spaces{
		byKey: map[spaceKey]*store.Space{}, read: map[spaceKey]spaceRead{}, news: map[spaceKey]int64{}, later: map[spaceKey]time.Time{},
		asked: map[int64]struct{}{}, shown: -1,
	}
}

func (s *spaces) set(all []store.Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range all {
		sp := &all[n]
		s.byKey[spaceKey{sp.School, sp.Bridge, sp.Space}] = sp
	}
}

func (s *spaces) put(sp *store.Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byKey[spaceKey{sp.School, sp.Bridge, sp.Space}] = sp
	s.shown = -1
}

func (s *spaces) get(key spaceKey) *store.Space {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byKey[key]
}

// want lets a space be read again, or all of a bridge when space is "".
func (s *spaces) want(b bridge.ID, space bridge.SpaceID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.news[spaceKey{bridge: b, space: space}]++
}

// newsOf counts the hints that are about a space. It needs the lock held.
func (s *spaces) newsOf(key spaceKey) int64 {
	return s.news[spaceKey{bridge: key.bridge, space: key.space}] + s.news[spaceKey{bridge: key.bridge}]
}

// begin is called before a space is read, for done.
func (s *spaces) begin(key spaceKey, now time.Time) spaceRead {
	s.mu.Lock()
	defer s.mu.Unlock()
	return spaceRead{now, s.newsOf(key)}
}

// done notes that a space has been read. What was hinted at meanwhile stays open.
func (s *spaces) done(key spaceKey, began spaceRead) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read[key] = began
}

// due reports whether a space must be read.
func (s *spaces) due(key spaceKey, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, ok := s.read[key]
	return !now.Before(s.later[key]) && (!ok || now.Sub(last.at) >= spaceEvery || last.news != s.newsOf(key))
}

// delay keeps a space from being tried again at once.
func (s *spaces) delay(key spaceKey, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.later[key] = until
}

// again lets all be looked at again, as one of them could not be shown, and that one
// not before a time.
func (s *spaces) again(key spaceKey, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.later[key], s.shown = at, -1
}

// known lists the spaces in memory.
func (s *spaces) known() []spaceKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]spaceKey, 0, len(s.byKey))
	for k := range s.byKey {
		out = append(out, k)
	}
	return out
}

// notBefore is when a space may be tried again.
func (s *spaces) notBefore(key spaceKey) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.later[key]
}
