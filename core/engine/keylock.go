package engine

import "sync"

// keyedLocks is a mutex per key.
type keyedLocks[K comparable] struct {
	mu    sync.Mutex
	locks map[K]*countedLock
}

type countedLock struct {
	sync.Mutex

	users int
}

func newKeyedLocks[K comparable]() *keyedLocks[K] {
	return &keyedLocks[K]{locks: map[K]*countedLock{}}
}

// lock takes the lock of key and returns what gives it back.
func (k *keyedLocks[K]) lock(key K) (unlock func()) {
	k.mu.Lock()
	l, ok := k.locks[key]
	if !ok {
		l = &countedLock{}
		k.locks[key] = l
	}
	l.users++
	k.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.locks, key)
		}
	}
}
