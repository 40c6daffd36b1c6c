package mattermosttest

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// proxy stands between a bridge and a real server and makes calls fail.
type proxy struct {
	server *httptest.Server
	faults faults

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// newProxy starts a proxy to the server at target that ends with the test.
func newProxy(tb testing.TB, target string) *proxy {
	tb.Helper()
	to, err := url.Parse(target)
	if err != nil {
		tb.Fatalf("address of the server: %v", err)
	}
	p := &proxy{conns: map[net.Conn]struct{}{}}
	forward := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.server = httptest.NewUnstartedServer(p.guard(forward))
	p.server.Config.ConnState = p.track
	p.server.Start()
	tb.Cleanup(func() {
		p.faults.end()
		p.cut()
		p.server.Close()
	})
	return p
}

func (p *proxy) track(conn net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		p.conns[conn] = struct{}{}
	case http.StateClosed:
		delete(p.conns, conn)
	case http.StateActive, http.StateIdle, http.StateHijacked:
	}
}

// cut breaks every connection of the bridge.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
		delete(p.conns, conn)
	}
}

// bridgeLogin stands for the only login that uses the proxy.
const bridgeLogin = "bridge"

func (p *proxy) failNext(n int, what bridgetest.Fault) {
	p.faults.end()
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	p.faults.login, p.faults.left, p.faults.what = bridgeLogin, n, what
	p.faults.hung = make(chan struct{})
}

func (p *proxy) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/system/ping") {
			next.ServeHTTP(w, r)
			return
		}
		what, hung := p.faults.next(bridgeLogin, writesMessage(r))
		if what == bridgetest.FaultTimeout {
			body, err := io.ReadAll(r.Body) // makes the server notice a caller that goes away
			if err != nil {
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		if fail(w, r, what, hung) {
			return
		}
		if what == bridgetest.FaultAnswerLost {
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// writesMessage tells whether a call creates or changes a message or a reaction.
func writesMessage(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost:
		return strings.HasSuffix(r.URL.Path, "/posts") || strings.HasSuffix(r.URL.Path, "/v4/reactions")
	case http.MethodPut:
		return true
	case http.MethodDelete:
		return strings.Contains(r.URL.Path, "/reactions/")
	}
	return false
}
