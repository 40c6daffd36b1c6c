package harness_test

import (
	"bytes"
	"sync"
	"testing"
	"time"
)

// waitUntil checks a condition until it holds; the test fails after ten
// seconds.
func waitUntil(t *testing.T, holds func() bool) {
	t.Helper()
	timeout := time.NewTimer(10 * time.Second)
	defer timeout.Stop()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-timeout.C:
			t.Fatal("condition did not come true within ten seconds")
		case <-ticker.C:
		}
	}
}

// lockedBuffer collects output that another goroutine writes.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
