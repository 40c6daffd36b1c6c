package mattermost

import (
	"container/list"
	"sync"
)

// lru is a bounded map that forgets what was not asked for the longest. It may
// be used from many goroutines.
type lru[K comparable, V any] struct {
	mu    sync.Mutex
	limit int
	order *list.List // of *lruEntry, newest first
	items map[K]*list.Element
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](limit int) *lru[K, V] {
	return &lru[K, V]{limit: limit, order: list.New(), items: map[K]*list.Element{}}
}

func (l *lru[K, V]) get(key K) (V, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if el, ok := l.items[key]; ok {
		if entry, ok := el.Value.(*lruEntry[K, V]); ok {
			l.order.MoveToFront(el)
			return entry.value, true
		}
	}
	var none V
	return none, false
}

func (l *lru[K, V]) put(key K, value V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if el, ok := l.items[key]; ok {
		l.order.Remove(el)
	}
	l.items[key] = l.order.PushFront(&lruEntry[K, V]{key, value})
	for l.order.Len() > l.limit {
		oldest := l.order.Back()
		if entry, ok := oldest.Value.(*lruEntry[K, V]); ok {
			delete(l.items, entry.key)
		}
		l.order.Remove(oldest)
	}
}

func (l *lru[K, V]) drop(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if el, ok := l.items[key]; ok {
		l.order.Remove(el)
		delete(l.items, key)
	}
}

func (l *lru[K, V]) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order.Init()
	clear(l.items)
}
