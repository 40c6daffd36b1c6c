package engine

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// How a login is connected again.
const (
	reconnectFirst = time.Second
	reconnectMost  = time.Minute
	// A connection that lived this long starts the back-off anew.
	reconnectHealthy = time.Minute
	// A dead login is looked at again so rarely: somebody may have mended it.
	loggedOutPause = 2 * time.Minute
	// How often a login is asked for that another process owns.
	ownPause = 2 * time.Second
)

// login is one account on a network with the state of its connection.
type login struct {
	spec   BridgeSpec
	client bridge.Client
	caps   bridge.Capabilities
	roster *roster
	// puppet is whose account this is; "" = the bridge's own, which knows its puppets.
	puppet  bridge.UserID
	puppets *puppets

	mu    sync.Mutex
	state bridge.ConnState
}

func newLogin(spec BridgeSpec, client bridge.Client) *login {
	return &login{spec: spec, client: client, caps: spec.Bridge.Capabilities().Fill(client), state: bridge.StateConnecting, roster: newRoster(), puppets: newPuppets()}
}

func (l *login) current() bridge.ConnState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// supervise runs a login's client until ctx ends: one connection after the
// other, with back-off between them.
func (e *Engine) supervise(ctx context.Context, l *login) error {
	pause := reconnectFirst
	for ctx.Err() == nil {
		if e.opts.Own != nil {
			own, err := e.opts.Own(ctx, l.spec.ID)
			if err != nil || !own {
				if !sleep(ctx, ownPause) {
					return nil
				}
				continue
			}
		}
		started := e.now()
		err := e.connect(ctx, l)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = errors.New("the connection ended without a reason")
		}
		if e.now().Sub(started) > reconnectHealthy {
			pause = reconnectFirst
		}
		wait := pause/2 + rand.N(pause) //nolint:gosec // jitter needs no secret randomness
		if errors.Is(err, bridge.ErrLoggedOut) {
			e.setState(ctx, l, bridge.StateLoggedOut, err)
			wait = loggedOutPause
		} else {
			e.setState(ctx, l, bridge.StateBroken, err)
			pause = min(2*pause, reconnectMost)
		}
		if !sleep(ctx, wait) {
			return nil
		}
	}
	return nil
}

// errNotOwner says that another process has taken the login over.
var errNotOwner = errors.New("another process runs this login now")

// connect runs one connection, and ends it when another process has taken the
// login over (this one was frozen for longer than its lease).
func (e *Engine) connect(ctx context.Context, l *login) error {
	if e.opts.Own == nil {
		return l.client.Run(ctx, &sink{e: e, l: l})
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var watch sync.WaitGroup
	watch.Go(func() {
		for sleep(ctx, ownPause) {
			if own, err := e.opts.Own(ctx, l.spec.ID); err == nil && !own {
				cancel(errNotOwner)
			}
		}
	})
	err := l.client.Run(ctx, &sink{e: e, l: l})
	cancel(err)
	watch.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, errNotOwner) {
		return errNotOwner
	}
	return err
}

// setState stores a login's state and lets its lanes go on when it is back.
func (e *Engine) setState(ctx context.Context, l *login, s bridge.ConnState, cause error) {
	if l.puppet != "" {
		e.setPuppetState(ctx, l, s, cause)
		return
	}
	l.mu.Lock()
	before := l.state
	l.state = s
	l.mu.Unlock()
	text := ""
	if cause != nil {
		text = cause.Error()
	}
	if before != s || cause != nil {
		level := slog.LevelInfo
		switch s {
		case bridge.StateBroken:
			level = slog.LevelWarn
		case bridge.StateLoggedOut:
			level = slog.LevelError
		case bridge.StateConnecting, bridge.StateCatchingUp, bridge.StateConnected:
		}
		e.log.LogAttrs(ctx, level, "login state", slog.String("bridge", string(l.spec.ID)),
			slog.String("state", string(s)), slog.String("cause", text))
	}
	err := e.st.SaveLogin(context.WithoutCancel(ctx), store.LoginState{
		Bridge: l.spec.ID, Login: l.spec.Login.ID, State: s, Cause: text, Since: e.now(),
	})
	if err != nil {
		e.log.LogAttrs(ctx, slog.LevelWarn, "login state not stored", slog.String("bridge", string(l.spec.ID)),
			slog.String("error", err.Error()))
	}
	if s == bridge.StateConnected && before != s {
		e.queue.Wake(func(k store.LaneKey) bool { return k.Bridge == l.spec.ID && k.Dir == store.DirOut })
		e.spaces.want(l.spec.ID, "")
		e.poke()
		signal(l.roster.up)
	}
}

// sleep waits and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
