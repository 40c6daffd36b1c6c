package harness_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/steg-bridge/steg/integration/harness/harnesstest"
)

// echo is a server that answers each line with itself and counts lines.
type echo struct {
	addr  string
	lines atomic.Int64
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	e := &echo{addr: listener.Addr().String()}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				lines := bufio.NewScanner(conn)
				for lines.Scan() {
					e.lines.Add(1)
					if _, err := io.WriteString(conn, lines.Text()+"\n"); err != nil {
						return
					}
				}
			}()
		}
	}()
	return e
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ask sends a line and returns the answer.
func ask(conn net.Conn, line string, patience time.Duration) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}

func mustAsk(t *testing.T, conn net.Conn, line string) {
	t.Helper()
	answer, err := ask(conn, line, 5*time.Second)
	check(t, err)
	if answer != line {
		t.Fatalf("got %q, want %q", answer, line)
	}
}

func TestProxyForwardsBothDirectionsToTheEnd(t *testing.T) {
	t.Parallel()
	proxy := harnesstest.Proxy(t, newEcho(t).addr)
	conn := dial(t, proxy.Addr())
	mustAsk(t, conn, "hallo")
	const size = 1 << 20
	go func() {
		_, _ = io.WriteString(conn, strings.Repeat(strings.Repeat("x", 1023)+"\n", size/1024))
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	}()
	answer, err := io.ReadAll(conn)
	check(t, err)
	if len(answer) != size {
		t.Errorf("got %d bytes back, want %d", len(answer), size)
	}
}

func TestProxyCutsConnections(t *testing.T) {
	t.Parallel()
	proxy := harnesstest.Proxy(t, newEcho(t).addr)
	conn := dial(t, proxy.Addr())
	mustAsk(t, conn, "hallo")
	if cut := proxy.CutAll(); cut != 1 {
		t.Errorf("cut %d connections, want 1", cut)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read on a cut connection: %v, want a reset", err)
	}
	mustAsk(t, dial(t, proxy.Addr()), "wieder da")
}

func TestProxyRefusesConnections(t *testing.T) {
	t.Parallel()
	proxy := harnesstest.Proxy(t, newEcho(t).addr)
	old := dial(t, proxy.Addr())
	mustAsk(t, old, "hallo")
	check(t, proxy.Refuse(t.Context(), true))
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", proxy.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: %v, want refused", err)
	}
	mustAsk(t, old, "noch da")
	check(t, proxy.Refuse(t.Context(), false))
	mustAsk(t, dial(t, proxy.Addr()), "wieder da")
}

func TestProxyHangsAndDeliversLate(t *testing.T) {
	t.Parallel()
	server := newEcho(t)
	proxy := harnesstest.Proxy(t, server.addr)
	old := dial(t, proxy.Addr())
	mustAsk(t, old, "hallo")
	proxy.Hang(true)
	fresh := dial(t, proxy.Addr())
	for _, conn := range []net.Conn{old, fresh} {
		if answer, err := ask(conn, "spät", 50*time.Millisecond); err == nil {
			t.Errorf("got %q while hanging", answer)
		}
	}
	_ = fresh.Close() // its request is already under way
	proxy.Hang(false)
	waitUntil(t, func() bool { return server.lines.Load() == 3 })
}

func TestProxyHangingConnectionsCanBeCut(t *testing.T) {
	t.Parallel()
	server := newEcho(t)
	proxy := harnesstest.Proxy(t, server.addr)
	proxy.Hang(true)
	conn := dial(t, proxy.Addr())
	_, _ = ask(conn, "nie", 50*time.Millisecond)
	if cut := proxy.CutAll(); cut != 1 {
		t.Errorf("cut %d connections, want 1", cut)
	}
	proxy.Hang(false)
	mustAsk(t, dial(t, proxy.Addr()), "danach")
	if got := server.lines.Load(); got != 1 {
		t.Errorf("target saw %d lines, want only the one after the cut", got)
	}
}

func TestProxyDelaysBytes(t *testing.T) {
	t.Parallel()
	proxy := harnesstest.Proxy(t, newEcho(t).addr)
	conn := dial(t, proxy.Addr())
	mustAsk(t, conn, "schnell")
	proxy.Latency(50 * time.Millisecond)
	begin := time.Now()
	mustAsk(t, conn, "langsam")
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("round trip took %s, want at least twice the latency", took)
	}
}

func TestProxyLosesAnswersOfRequestsThatArrive(t *testing.T) {
	t.Parallel()
	server := newEcho(t)
	proxy := harnesstest.Proxy(t, server.addr)
	conn := dial(t, proxy.Addr())
	proxy.LoseAnswers(true)
	if answer, err := ask(conn, "getan", 100*time.Millisecond); err == nil {
		t.Errorf("got %q", answer)
	}
	waitUntil(t, func() bool { return server.lines.Load() == 1 })
	proxy.LoseAnswers(false)
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("connection with a lost answer: %v, want a reset", err)
	}
	mustAsk(t, dial(t, proxy.Addr()), "wieder da")
}

func TestProxyWithoutTargetResets(t *testing.T) {
	t.Parallel()
	proxy := harnesstest.Proxy(t, "127.0.0.1:1")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", proxy.Addr())
	if err == nil { // the reset may come before or after
		t.Cleanup(func() { _ = conn.Close() })
		_, err = conn.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
}
