package bridgetest

import (
	"context"
	"math"
	"sync"

	"github.com/steg-bridge/steg/core/bridge"
)

func lifecycleCases() []Case {
	return []Case{
		{Name: "open_does_no_io", Needs: []Fault{FaultTimeout}, run: lifecycleOpen},
		{Name: "stops_on_cancel", run: lifecycleStops},
		{Name: "stops_while_deliver_blocks", run: lifecycleStopsBlocked},
		{Name: "stops_at_every_call", run: lifecycleStopsEverywhere},
		{Name: "runs_again", run: lifecycleRunsAgain},
		{Name: "reports_states", Needs: []Fault{FaultCut}, run: lifecycleStates},
		{Name: "leaves_nothing_running", run: lifecycleLeavesNothing},
		{Name: "start_stop_stress", run: lifecycleStress},
	}
}

// The network answers nothing, and still Open and Capabilities return.
func lifecycleOpen(k *kit) {
	k.remote.FailNext(k.tb, math.MaxInt32, FaultTimeout)
	defer k.remote.FailNext(k.tb, 0, FaultTimeout)
	k.within(openWithin, "Capabilities and Open", func() {
		_ = k.env.Bridge.Capabilities()
		if _, err := k.env.Bridge.Open(k.env.Login); err != nil {
			k.tb.Errorf("Open: %v", err)
		}
	})
}

func lifecycleStops(k *kit) {
	k.stop(k.startConnected())
}

func lifecycleStopsBlocked(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	run := k.startConnected()
	release := k.sink.Hold()
	defer release()
	arrived := make(chan struct{})
	k.sink.OnCall(sync.OnceFunc(func() { close(arrived) }))
	k.post(kim, chat, k.say("blocks"))
	k.await("the client delivers", func() bool {
		select {
		case <-arrived:
			return true
		default:
			return false
		}
	})
	k.stop(run)
	k.sink.OnCall(nil)
	release()

	k.start()
	k.wantSame(kim, chat)
}

// Run is cancelled inside its first, second, third … call of the sink.
func lifecycleStopsEverywhere(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	for at := 1; at <= 5; at++ { // three states, the cursors, one Deliver
		k.post(kim, chat, k.say("missed"))
		ctx, cancel := context.WithCancel(k.tb.Context())
		calls := 0
		var mu sync.Mutex
		k.sink.OnCall(func() {
			mu.Lock()
			defer mu.Unlock()
			if calls++; calls == at {
				cancel()
			}
		})
		k.within(k.opts.settle()+stopWithin, "Run", func() {
			stop, quit := k.settle() // for a client that makes fewer calls
			defer quit()
			defer context.AfterFunc(stop, cancel)()
			if err := k.client.Run(ctx, k.sink); k.noted(err) != nil {
				k.tb.Errorf("Run returned %v when cancelled in call %d of the sink, want nil", err, at)
			}
		})
		cancel()
	}
	k.sink.OnCall(nil)
	k.start()
	k.wantSame(kim, chat)
}

func lifecycleRunsAgain(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	for range 3 {
		k.post(kim, chat, k.say("between the runs"))
		run := k.startConnected()
		k.post(kim, chat, k.say("live"))
		k.wantSame(kim, chat)
		k.stop(run)
	}
}

func lifecycleStates(k *kit) {
	k.startConnected()
	k.remote.Cut(k.tb)
	k.await("the client is connected again", func() bool { return k.connects() >= 2 })
	var got []bridge.ConnState
	for _, s := range k.sink.States() {
		if len(got) == 0 || got[len(got)-1] != s.State {
			got = append(got, s.State)
		}
		if s.State == bridge.StateBroken && s.Cause == nil {
			k.tb.Errorf("StateBroken without a cause")
		}
	}
	// A first attempt to connect again may break, too.
	want := map[bridge.ConnState][]bridge.ConnState{
		"":                     {bridge.StateConnecting},
		bridge.StateConnecting: {bridge.StateCatchingUp, bridge.StateBroken},
		bridge.StateCatchingUp: {bridge.StateConnected, bridge.StateBroken},
		bridge.StateConnected:  {bridge.StateBroken},
		bridge.StateBroken:     {bridge.StateConnecting},
	}
	var last bridge.ConnState
	for _, s := range got {
		ok := false
		for _, w := range want[last] {
			ok = ok || s == w
		}
		if !ok {
			k.tb.Errorf("State %q after %q; all: %q", s, last, got)
		}
		last = s
	}
}

// What is called without Run leaves no goroutine behind.
func lifecycleLeavesNothing(k *kit) {
	chat := k.chat()
	label := k.labelled(func(ctx context.Context) {
		for range 3 {
			m := k.out(chat, k.say("sent"))
			r, err := k.client.Send(ctx, m)
			if k.noted(err) != nil {
				k.tb.Errorf("Send: %v", err)
				return
			}
			k.sink.Sent(chat, m.Key, r)
			if _, err := k.client.Chat(ctx, chat); k.noted(err) != nil {
				k.tb.Errorf("Chat: %v", err)
			}
		}
	})
	k.wantGone(label)
}

// Many clients of one bridge start and stop, and send meanwhile.
func lifecycleStress(k *kit) {
	const workers, rounds = 6, 5
	chats := make([]bridge.ChatID, workers)
	for i := range chats {
		chats[i] = k.chat()
	}
	var wg sync.WaitGroup
	for _, chat := range chats {
		client := k.open(k.env.Bridge)
		wg.Go(func() { k.startAndStop(client, chat, rounds) })
	}
	k.within(k.opts.settle()+rounds*stopWithin, "starting and stopping", wg.Wait)
	for _, chat := range chats {
		if got := len(k.texts(chat)); got != rounds {
			k.tb.Errorf("the network shows %d messages, want %d", got, rounds)
		}
	}
}

func (k *kit) startAndStop(client bridge.Client, chat bridge.ChatID, rounds int) {
	for round := range rounds {
		sink := NewSink()
		sink.Link(chat, "")
		run := k.startClient(client, sink)
		if round%2 == 0 { // otherwise it is stopped while it starts
			ctx, cancel := k.settle()
			err := sink.Await(ctx, func() bool {
				for _, s := range sink.States() {
					if s.State == bridge.StateConnected {
						return true
					}
				}
				return false
			})
			cancel()
			if err != nil {
				k.tb.Errorf("not connected in %v", k.opts.settle())
			}
		}
		if _, err := k.lane(k.out(chat, k.say("stress"))); err != nil {
			k.tb.Errorf("Send: %v", err)
		}
		k.stop(run)
	}
}
