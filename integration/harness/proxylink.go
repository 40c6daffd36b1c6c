package harness

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// state is what is broken at one moment.
type state struct {
	hang        bool
	latency     time.Duration
	loseAnswers bool
}

// faults is a state that can be watched.
type faults struct {
	mu      sync.Mutex
	now     state
	changed chan struct{} // closed and replaced at each change
}

func (f *faults) set(change func(*state)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.now)
	close(f.changed)
	f.changed = make(chan struct{})
}

// get returns the state and a channel that is closed when it changes.
func (f *faults) get() (state, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now, f.changed
}

// link is one forwarded connection.
type link struct {
	ctx    context.Context // the life of the link
	end    context.CancelFunc
	client *net.TCPConn
	lost   atomic.Bool // bytes of the answer were thrown away

	mu     sync.Mutex
	server *net.TCPConn // nil before the target is dialled
}

func newLink(conn net.Conn) *link {
	ctx, cancel := context.WithCancel(context.Background())
	client, _ := conn.(*net.TCPConn)
	return &link{ctx: ctx, end: cancel, client: client}
}

// cut resets both sides: without lingering, close sends RST.
func (l *link) cut() {
	l.end()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range []*net.TCPConn{l.client, l.server} {
		if conn != nil {
			_ = conn.SetLinger(0)
			_ = conn.Close()
		}
	}
}

// run forwards until both directions have ended or the link is cut.
func (l *link) run(target string, faults *faults) {
	defer l.cut()
	if !l.whileHanging(faults) {
		return
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(l.ctx, "tcp", target)
	if err != nil {
		return
	}
	server, _ := conn.(*net.TCPConn)
	l.mu.Lock()
	l.server = server
	l.mu.Unlock()
	if l.ctx.Err() != nil {
		return // cut while dialling; cut again by the deferred call
	}
	var both sync.WaitGroup
	both.Go(func() { l.forward(server, l.client, faults, false) })
	both.Go(func() { l.forward(l.client, server, faults, true) })
	both.Wait()
	// Both sides have said goodbye: close as they did.
	_ = l.client.SetLinger(-1)
	_ = server.SetLinger(-1)
	_ = l.client.Close()
	_ = server.Close()
}

// chunk is what one read returned, and when it may leave.
type chunk struct {
	data []byte
	due  time.Time
	last error // io.EOF: the sender has closed its direction
}

// forward copies one direction. Reading and writing are separate goroutines so
// that latency delays bytes without slowing their flow.
func (l *link) forward(to, from *net.TCPConn, faults *faults, answers bool) {
	chunks := make(chan chunk, 64)
	var reader sync.WaitGroup
	defer reader.Wait()
	reader.Go(func() {
		defer close(chunks)
		for {
			buffer := make([]byte, 16<<10)
			n, err := from.Read(buffer)
			now, _ := faults.get()
			select {
			case chunks <- chunk{buffer[:n], time.Now().Add(now.latency), err}:
			case <-l.ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
	for c := range chunks {
		if !l.until(c.due) || !l.whileHanging(faults) {
			return
		}
		if now, _ := faults.get(); answers && len(c.data) > 0 && (now.loseAnswers || l.lost.Load()) {
			l.lost.Store(true)
			c.data = nil
		}
		if _, err := to.Write(c.data); err != nil {
			l.cut()
			return
		}
		switch {
		case errors.Is(c.last, io.EOF):
			_ = to.CloseWrite()
		case c.last != nil:
			l.cut() // the sender was reset; so is the receiver
		}
	}
}

// whileHanging returns when nothing hangs, or false when the link was cut.
func (l *link) whileHanging(faults *faults) bool {
	for {
		now, changed := faults.get()
		if !now.hang {
			return l.ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-l.ctx.Done():
			return false
		}
	}
}

// until waits for a moment; it returns false when the link was cut.
func (l *link) until(due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}
