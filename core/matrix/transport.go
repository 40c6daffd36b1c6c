package matrix

import (
	"net"
	"net/http"
	"time"
)

// newTransport keeps connections to the one homeserver open: a dial for each
// send would cost more than the send.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConns:        256,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		// The answers are small and the homeserver is near.
		DisableCompression: true,
	}
}
