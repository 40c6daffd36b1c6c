package bridgetest

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

func errorCases() []Case {
	return []Case{
		{Name: "unauthorized", Needs: []Fault{FaultUnauthorized}, run: errUnauthorized},
		{Name: "revoked", Needs: []Fault{FaultRevoke}, run: errRevoked},
		{Name: "rate_limited", Needs: []Fault{FaultRateLimited}, run: errRateLimited},
		{Name: "server_error", Needs: []Fault{FaultServer}, run: errServer},
		{Name: "timeout", Needs: []Fault{FaultTimeout}, run: errTimeout},
		{Name: "forbidden", Needs: []Fault{FaultForbidden}, run: errForbidden},
		{Name: "unknown_chat", run: errUnknownChat},
		{Name: "archived_chat", run: errArchived},
		{Name: "cancelled", run: errCancelled},
	}
}

// everyCall calls all there is with f switched on, and hands each error to want.
func (k *kit) everyCall(f Fault, want func(what string, err error)) {
	k.tb.Helper()
	chat := k.chat()
	kim := k.user("Kim")
	k.post(kim, chat, k.say("known"))
	r := k.send(k.out(chat, k.say("ours")))
	calls := map[string]func(ctx context.Context) error{
		"Send": func(ctx context.Context) error {
			_, err := k.client.Send(ctx, k.out(chat, k.say("refused")))
			return err
		},
		"Send of something uncertain": func(ctx context.Context) error {
			m := k.out(chat, k.say("refused"))
			m.Uncertain = true
			_, err := k.client.Send(ctx, m)
			return err
		},
		"Chat": func(ctx context.Context) error { _, err := k.client.Chat(ctx, chat); return err },
		"User": func(ctx context.Context) error { _, err := k.client.User(ctx, kim); return err },
	}
	if e, ok := k.client.(bridge.Editor); ok {
		calls["Edit"] = func(ctx context.Context) error {
			return e.Edit(ctx, &bridge.OutgoingEdit{Outgoing: *k.out(chat, k.say("refused")), Target: r.ID})
		}
	}
	if rm, ok := k.client.(bridge.Remover); ok {
		calls["Remove"] = func(ctx context.Context) error {
			return rm.Remove(ctx, &bridge.OutgoingRemoval{Key: k.out(chat, "").Key, Chat: chat, Target: r.ID})
		}
	}
	for name, call := range calls {
		k.remote.FailNext(k.tb, math.MaxInt32, f)
		ctx, cancel := context.WithTimeout(k.tb.Context(), patience(f, k.opts.settle()))
		err := k.noted(call(ctx))
		cancel()
		k.remote.FailNext(k.tb, 0, f)
		if err == nil {
			k.tb.Errorf("%s succeeded while the network answers %q", name, f)
			continue
		}
		want(name, err)
	}
	if got := len(k.texts(chat)); got != 2 {
		k.tb.Errorf("the network shows %d messages, want 2: a refused call was executed", got)
	}
	k.send(k.out(chat, k.say("well again")))
}

// patience is how long a call may take under a fault.
func patience(f Fault, settle time.Duration) time.Duration {
	if f == FaultTimeout {
		return 300 * time.Millisecond
	}
	return settle
}

func errUnauthorized(k *kit) {
	k.everyCall(FaultUnauthorized, func(what string, err error) {
		k.wantIs(what+" with a token that is not valid", err, bridge.ErrLoggedOut)
	})
}

// The login ends while it runs: Run says so and stays down, and sends wait.
func errRevoked(k *kit) {
	chat := k.chat()
	run := k.startConnected()
	k.remote.Revoke(k.tb)
	k.await("Run ends for good", func() bool {
		select {
		case <-run.done:
			return true
		default:
			return false
		}
	})
	k.wantIs("Run after the login was revoked", run.final, bridge.ErrLoggedOut)
	states := k.sink.States()
	if last := states[len(states)-1].State; last != bridge.StateLoggedOut {
		k.tb.Errorf("the last state is %q, want %q", last, bridge.StateLoggedOut)
	}
	_, err := k.trySend(k.out(chat, k.say("refused")))
	k.wantIs("Send with a revoked login", err, bridge.ErrLoggedOut)
}

func errRateLimited(k *kit) {
	k.everyCall(FaultRateLimited, func(what string, err error) {
		t, ok := errors.AsType[*bridge.TemporaryError](err)
		switch {
		case !ok:
			k.tb.Errorf("%s under a rate limit: error %v, want a TemporaryError", what, err)
		case t.After < RetryAfter-2*time.Second || t.After > RetryAfter+2*time.Second:
			k.tb.Errorf("%s under a rate limit: After is %v, want about %v", what, t.After, RetryAfter)
		}
	})
}

func errServer(k *kit) {
	k.everyCall(FaultServer, func(what string, err error) { k.wantTemporary(what+" with a broken server", err) })
}

func errTimeout(k *kit) {
	k.everyCall(FaultTimeout, func(what string, err error) { k.wantTemporary(what+" without an answer", err) })
}

func errForbidden(k *kit) {
	k.everyCall(FaultForbidden, func(what string, err error) { k.wantPermanent(what+" without the right", err) })
}

func errUnknownChat(k *kit) {
	private, _ := k.remote.NewChat(k.tb, true) // not for us: as good as unknown
	_, err := k.trySend(k.out(private, k.say("refused")))
	k.wantPermanent("Send to a private chat", err)
	if got := len(k.texts(private)); got > 0 {
		k.tb.Errorf("the network shows %d messages in a chat that is not for us", got)
	}
}

func errArchived(k *kit) {
	chat := k.chat()
	k.send(k.out(chat, k.say("before")))
	k.remote.Archive(k.tb, chat)
	_, err := k.trySend(k.out(chat, k.say("after")))
	k.wantPermanent("Send to an archived chat", err)
}

// A call whose context ended returns at once, and never with a final verdict.
func errCancelled(k *kit) {
	chat := k.chat()
	ctx, cancel := context.WithCancel(k.tb.Context())
	cancel()
	k.within(stopWithin, "Send", func() {
		_, err := k.client.Send(ctx, k.out(chat, k.say("refused")))
		k.wantTemporary("Send with an ended context", k.noted(err))
	})
}
