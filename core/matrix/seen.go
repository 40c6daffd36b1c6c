package matrix

import "sync"

// seen is a bounded set that forgets old members: what we know to be so already
// and need not ask the homeserver for. It keeps between limit and 2*limit of the
// members used last.
type seen[K comparable] struct {
	mu         sync.Mutex
	limit      int
	young, old map[K]struct{}
}

func newSeen[K comparable](limit int) *seen[K] {
	return &seen[K]{limit: limit, young: map[K]struct{}{}, old: map[K]struct{}{}}
}

func (s *seen[K]) has(k K) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.young[k]; ok {
		return true
	}
	if _, ok := s.old[k]; !ok {
		return false
	}
	s.put(k)
	return true
}

func (s *seen[K]) add(k K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(k)
}

func (s *seen[K]) remove(k K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.young, k)
	delete(s.old, k)
}

// put adds under the lock.
func (s *seen[K]) put(k K) {
	s.young[k] = struct{}{}
	if len(s.young) >= s.limit {
		s.old, s.young = s.young, make(map[K]struct{}, s.limit)
	}
}
