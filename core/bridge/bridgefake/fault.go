package bridgefake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// status is an answer of the network that is not success.
type status struct {
	code  int
	after time.Duration
}

func (s *status) Error() string { return fmt.Sprintf("network answered %d", s.code) }

// The network's answers, in the words of HTTP.
const (
	codeRejected     = 400
	codeUnauthorized = 401
	codeForbidden    = 403
	codeNotFound     = 404
	codeTooLarge     = 413
	codeRateLimited  = 429
	codeServer       = 500
)

// errBroken is what a client sees of a broken connection.
var errBroken = errors.New("connection broken")

// FailNext makes the next count calls of the login fail with f; see
// [bridgetest.Remote]. 0 ends it.
func (n *Network) FailNext(id bridge.LoginID, count int, f bridgetest.Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.login(id)
	l.fault, l.faultLeft = f, count
}

// Cut breaks all open connections of a login.
func (n *Network) Cut(id bridge.LoginID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.login(id).cut()
}

// SetDown takes the whole network away, or brings it back.
func (n *Network) SetDown(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
	if down {
		for _, l := range n.logins {
			l.cut()
		}
	}
}

// Revoke ends a login for good and breaks its connections.
func (n *Network) Revoke(id bridge.LoginID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.login(id)
	l.revoked = true
	l.cut()
}

// Restore makes a revoked login valid again.
func (n *Network) Restore(id bridge.LoginID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.login(id).revoked = false
}

// DuplicatePushes switches pushing every live event twice.
func (n *Network) DuplicatePushes(id bridge.LoginID, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.login(id).duplicate = on
}

// ReorderPushes switches pushing live events in the wrong order.
func (n *Network) ReorderPushes(id bridge.LoginID, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.login(id).reorder = on
}

// EchoFirst switches answering a send only after the login's clients have read
// and handled its push.
func (n *Network) EchoFirst(id bridge.LoginID, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.login(id).echoFirst = on
}

// enter is the door of the network: every call of a client passes it. lost says
// that the call must be executed and its answer dropped.
func (n *Network) enter(ctx context.Context, c Call) (lost bool, err error) {
	if n.opts.Hook != nil {
		if err := n.opts.Hook(ctx, c); err != nil {
			return false, err
		}
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	fault, err := n.refuse(c)
	switch {
	case err != nil:
		return false, err
	case fault == bridgetest.FaultTimeout:
		<-ctx.Done()
		return false, ctx.Err()
	case fault == bridgetest.FaultAnswerLost:
		return true, nil
	}
	return false, nil
}

// refuse uses up a fault. Those that are plain answers come back as error.
func (n *Network) refuse(c Call) (bridgetest.Fault, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.login(c.Login)
	switch {
	case n.down:
		return "", errBroken
	case l.revoked:
		return "", &status{code: codeUnauthorized}
	case l.faultLeft == 0, l.fault == bridgetest.FaultAnswerLost && !c.writes():
		return "", nil
	}
	l.faultLeft--
	switch l.fault {
	case bridgetest.FaultUnauthorized:
		return "", &status{code: codeUnauthorized}
	case bridgetest.FaultForbidden:
		return "", &status{code: codeForbidden}
	case bridgetest.FaultNotFound:
		return "", &status{code: codeNotFound}
	case bridgetest.FaultRateLimited:
		return "", &status{code: codeRateLimited, after: bridgetest.RetryAfter}
	case bridgetest.FaultServer:
		return "", &status{code: codeServer}
	case bridgetest.FaultTimeout, bridgetest.FaultAnswerLost, bridgetest.FaultCut, bridgetest.FaultDuplicate,
		bridgetest.FaultReorder, bridgetest.FaultEchoFirst, bridgetest.FaultRevoke:
	}
	return l.fault, nil
}

func (c Call) writes() bool {
	return slices.Contains([]string{"send", "edit", "remove", "react"}, c.Op)
}
