package harness

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are taken below the range from which Linux takes the local ports of
// outgoing connections (32768 and up). A server that is killed and started
// again would otherwise sometimes find its port used by a client of another.
const (
	firstPort = 12000
	lastPort  = 32000
)

// handedOut remembers the ports of this process, so that two servers that
// start at the same time do not get the same one.
var handedOut = struct {
	sync.Mutex
	ports map[int]bool
}{ports: make(map[int]bool)}

// FreePort returns a TCP port of the loopback interface on which nobody
// listens. It never returns the same port twice in one process. Another
// process can still take it before it is used; the range is wide enough to
// make that rare.
func FreePort(ctx context.Context) (int, error) {
	handedOut.Lock()
	defer handedOut.Unlock()
	var config net.ListenConfig
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if handedOut.ports[port] {
			continue
		}
		listener, err := config.Listen(ctx, "tcp", loopback(port))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			continue
		}
		handedOut.ports[port] = true
		return port, nil
	}
	return 0, errors.New("find free port: none between 12000 and 32000 after 1000 attempts")
}

// loopback returns the address of port on the loopback interface.
func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
