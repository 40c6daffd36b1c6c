package world

import (
	"context"

	"github.com/steg-bridge/steg/integration/harness"
)

// Wires are the connections between Steg and its peers, to be broken on demand.
type Wires struct {
	ToHomeserver *harness.Proxy // Steg's requests
	ToGateway    *harness.Proxy // the homeserver's transactions
	ToMattermost *harness.Proxy // Steg's requests and its WebSocket
}

// All lists the wires.
func (w *Wires) All() []*harness.Proxy {
	return []*harness.Proxy{w.ToHomeserver, w.ToGateway, w.ToMattermost}
}

// openWires chooses the ports and, if asked, puts proxies in front of them.
func (w *World) openWires(ctx context.Context) error {
	var err error
	if w.ports, err = freePorts(ctx); err != nil || !w.options.Proxied {
		return err
	}
	wires := &Wires{}
	for _, wire := range []struct {
		proxy **harness.Proxy
		port  int
	}{
		{&wires.ToHomeserver, w.ports.homeserver},
		{&wires.ToGateway, w.ports.gateway},
		{&wires.ToMattermost, w.Mattermost.Port},
	} {
		proxy, err := harness.StartProxy(ctx, loopback(wire.port))
		if err != nil {
			return err
		}
		*wire.proxy = proxy
		w.atEnd(func(context.Context) error { return proxy.Close() })
	}
	w.Wires = wires
	return nil
}
