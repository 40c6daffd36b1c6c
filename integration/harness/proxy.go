package harness

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy forwards TCP connections to a target and breaks them on demand. Faults
// may be combined and changed at any time by any goroutine.
//
// Its goroutines end with Close.
type Proxy struct {
	target  string
	address string
	faults  faults
	running sync.WaitGroup
	accepts atomic.Int64

	control  sync.Mutex // held while the listener is opened or closed
	listener net.Listener
	accepted chan struct{} // closed when nobody accepts from listener any more

	mu     sync.Mutex
	links  map[*link]bool
	closed bool
}

// StartProxy listens on a free port of the loopback interface and forwards to
// target, which is host:port and need not be reachable yet.
func StartProxy(ctx context.Context, target string) (*Proxy, error) {
	port, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, address: loopback(port), links: make(map[*link]bool)}
	p.faults.changed = make(chan struct{})
	if err := p.Refuse(ctx, false); err != nil {
		return nil, err
	}
	return p, nil
}

// Addr returns host:port where the proxy listens. It stays the same.
func (p *Proxy) Addr() string { return p.address }

// URL returns the proxy's address as the base of an HTTP service.
func (p *Proxy) URL() string { return "http://" + p.address }

// Accepted counts the connections accepted so far.
func (p *Proxy) Accepted() int64 { return p.accepts.Load() }

// Refuse with true makes new connections fail with "connection refused" until
// it is called with false. Open connections go on.
func (p *Proxy) Refuse(ctx context.Context, refuse bool) error {
	p.control.Lock()
	defer p.control.Unlock()
	if refuse {
		return p.unlisten()
	}
	if p.listener != nil {
		return nil
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", p.address)
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	accepted := make(chan struct{})
	p.listener, p.accepted = listener, accepted
	p.running.Go(func() {
		defer close(accepted)
		p.serve(listener)
	})
	return nil
}

// unlisten needs control. The system goes on listening until the pending Accept
// has returned, so that is waited for.
func (p *Proxy) unlisten() error {
	if p.listener == nil {
		return nil
	}
	err := p.listener.Close()
	<-p.accepted
	p.listener = nil
	return err
}

// Hang with true stalls everything: connections are accepted, but no byte moves in
// either direction. With Hang(false) all held bytes move on, so a request whose
// sender has given up meanwhile still arrives, as it may on a real network. To
// lose it instead, call CutAll first.
func (p *Proxy) Hang(hang bool) { p.faults.set(func(f *state) { f.hang = hang }) }

// Latency delays every byte by d in each direction, without limiting how much
// is under way.
func (p *Proxy) Latency(d time.Duration) { p.faults.set(func(f *state) { f.latency = d }) }

// LoseAnswers with true lets requests through and throws answers away: the target
// acts, its caller never hears of it. A connection that has lost bytes cannot
// go on; it is cut when LoseAnswers(false) is called.
func (p *Proxy) LoseAnswers(lose bool) {
	p.faults.set(func(f *state) { f.loseAnswers = lose })
	if lose {
		return
	}
	for _, l := range p.open() {
		if l.lost.Load() {
			l.cut()
		}
	}
}

// CutAll resets all open connections on both sides and returns how many there
// were. Bytes under way are lost. New connections are accepted.
func (p *Proxy) CutAll() int {
	links := p.open()
	for _, l := range links {
		l.cut()
	}
	return len(links)
}

// Close cuts everything and returns when all goroutines have ended. A closed
// proxy cannot be used again.
func (p *Proxy) Close() error {
	p.control.Lock()
	defer p.control.Unlock()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.unlisten()
	p.CutAll()
	p.running.Wait()
	return err
}

// serve accepts until the listener is closed.
func (p *Proxy) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		p.accepts.Add(1)
		l := newLink(conn)
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			l.cut()
			continue
		}
		p.links[l] = true
		p.mu.Unlock()
		p.running.Go(func() {
			l.run(p.target, &p.faults)
			p.mu.Lock()
			delete(p.links, l)
			p.mu.Unlock()
		})
	}
}

// open returns the connections of this moment.
func (p *Proxy) open() []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	links := make([]*link, 0, len(p.links))
	for l := range p.links {
		links = append(links, l)
	}
	return links
}
