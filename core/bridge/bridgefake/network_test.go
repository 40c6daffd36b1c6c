package bridgefake_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgefake"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

func open(t *testing.T, n *bridgefake.Network) bridge.Client {
	t.Helper()
	c, err := bridgefake.New(n).Open(bridge.Login{ID: "relay"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func outgoing(key bridge.Key, chat bridge.ChatID, text string) *bridge.Outgoing {
	return &bridge.Outgoing{
		Key: key, Chat: chat, Author: bridge.Author{Name: "Kim"},
		Content: &event.MessageEventContent{MsgType: event.MsgText, Body: text},
	}
}

// follow links a chat to a new sink.
func follow(t *testing.T, c bridge.Client, chat bridge.ChatID) *bridgetest.Sink {
	t.Helper()
	f, ok := c.(bridge.Follower)
	if !ok {
		t.Fatal("no Follower")
	}
	cur, err := f.Follow(t.Context(), chat)
	if err != nil {
		t.Fatal(err)
	}
	s := bridgetest.NewSink()
	s.Link(chat, cur)
	return s
}

// In a bubble latency costs no time, and nothing is left when Run has ended.
func TestInBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := bridgefake.NewNetwork(bridgefake.Options{
			Hook: func(ctx context.Context, _ bridgefake.Call) error {
				timer := time.NewTimer(time.Hour)
				defer timer.Stop()
				select {
				case <-timer.C:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			},
		})
		kim, chat := n.NewUser("Kim"), n.NewChat("school/market", false)
		c := open(t, n)
		sink := follow(t, c, chat)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx, sink) }()
		synctest.Wait()

		start := time.Now()
		n.Post(kim, chat, "hello")
		n.ReorderPushes("relay", true)
		n.Post(kim, chat, "there")
		n.Post(kim, chat, "all")
		if _, err := c.Send(t.Context(), outgoing("k", chat, "ours")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != time.Hour {
			t.Errorf("a call took %v of the bubble's time, want the hook's hour", took)
		}
		err := sink.Await(ctx, func() bool { return len(sink.Messages(chat)) == 3 && len(sink.Echoes(chat)) == 1 })
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"hello", "there", "all"} {
			if got := sink.Messages(chat)[i].Content.Body; got != want {
				t.Errorf("message %d is %q, want %q", i, got, want)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestSetDown(t *testing.T) {
	t.Parallel()
	n := bridgefake.NewNetwork(bridgefake.Options{})
	kim, chat := n.NewUser("Kim"), n.NewChat("school/market", false)
	c := open(t, n)
	sink := follow(t, c, chat)
	n.SetDown(true)
	var temporary *bridge.TemporaryError
	if err := c.Run(t.Context(), sink); !errors.As(err, &temporary) || !temporary.Shared {
		t.Errorf("Run while the network is down: %v, want a shared TemporaryError", err)
	}
	if _, err := c.Send(t.Context(), outgoing("k", chat, "x")); !errors.As(err, &temporary) {
		t.Errorf("Send while the network is down: %v, want a TemporaryError", err)
	}
	n.Post(kim, chat, "missed")
	n.SetDown(false)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx, sink) }()
	if err := sink.Await(ctx, func() bool { return len(sink.Messages(chat)) == 1 }); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	n := bridgefake.NewNetwork(bridgefake.Options{})
	chat := n.NewChat("school/market", false)
	c := open(t, n)
	n.Revoke("relay")
	if _, err := c.Send(t.Context(), outgoing("k", chat, "x")); !errors.Is(err, bridge.ErrLoggedOut) {
		t.Errorf("Send with a revoked login: %v", err)
	}
	n.Restore("relay")
	if _, err := c.Send(t.Context(), outgoing("k", chat, "x")); err != nil {
		t.Errorf("Send with a restored login: %v", err)
	}
}

// When the network has forgotten the key, only looking helps.
func TestForgetKeys(t *testing.T) {
	t.Parallel()
	n := bridgefake.NewNetwork(bridgefake.Options{})
	chat := n.NewChat("school/market", false)
	c := open(t, n)
	m := outgoing("k", chat, "once")
	send := func() bridge.MessageID {
		t.Helper()
		r, err := c.Send(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		return r.ID
	}
	first := send()
	if again := send(); again != first {
		t.Errorf("the network remembers the key, but made %q beside %q", again, first)
	}
	n.ForgetKeys()
	m.Uncertain = true
	if again := send(); again != first {
		t.Errorf("an uncertain send made %q beside %q", again, first)
	}
	m.Uncertain = false
	if again := send(); again == first {
		t.Errorf("ForgetKeys has no effect")
	}
	got := n.Messages(chat)
	if len(got) != 2 || got[0].Key != "k" || got[0].Login != "relay" || got[0].Author != "Kim" {
		t.Errorf("the network shows %+v", got)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	n := bridgefake.NewNetwork(bridgefake.Options{Plain: true, MaxText: 5})
	c := open(t, n)
	want := bridge.Capabilities{MaxText: 5, Markup: "fake", Threads: true, IDStable: true, Follows: true}
	if got := bridgefake.New(n).Capabilities().Fill(c); got != want {
		t.Errorf("capabilities %+v, want %+v", got, want)
	}
}

func TestPlainConformance(t *testing.T) {
	t.Parallel()
	bridgetest.Run(t, bridgetest.Opts{New: func(testing.TB, bridge.Deps) bridgetest.Env {
		n := bridgefake.NewNetwork(bridgefake.Options{Plain: true, Page: 7})
		return bridgetest.Env{
			Bridge: bridgefake.New(n), Login: bridge.Login{ID: "relay"}, Remote: bridgefake.NewRemote(n, "relay"),
		}
	}})
}

func TestAwait(t *testing.T) {
	t.Parallel()
	n := bridgefake.NewNetwork(bridgefake.Options{})
	kim, chat := n.NewUser("Kim"), n.NewChat("school/market", false)
	done := make(chan error)
	go func() {
		done <- n.Await(t.Context(), func() bool { return len(n.Messages(chat)) == 2 })
	}()
	n.Post(kim, chat, "one")
	n.Post(kim, chat, "two")
	if err := <-done; err != nil {
		t.Errorf("Await: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Await(ctx, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("Await with an ended context: %v", err)
	}
}

// People cannot do what is impossible on the network, and nothing breaks.
func TestImpossible(t *testing.T) {
	t.Parallel()
	n := bridgefake.NewNetwork(bridgefake.Options{})
	kim, chat := n.NewUser("Kim"), n.NewChat("school/market", false)
	root := n.Post(kim, chat, "root")
	reply := n.Reply(kim, chat, root, "reply")
	for name, id := range map[string]bridge.MessageID{
		"nobody":           n.Post("nobody", chat, "x"),
		"no chat":          n.Post(kim, "nowhere", "x"),
		"reply to a reply": n.Reply(kim, chat, reply, "x"),
		"reply to nothing": n.Reply(kim, chat, "nothing", "x"),
	} {
		if id != "" {
			t.Errorf("%s: made message %q", name, id)
		}
	}
	n.Edit(kim, chat, "nothing", "x")
	n.Delete(kim, "nowhere", root)
	n.RenameUser("nobody", "x")
	n.RenameChat("nowhere", "x")
	n.Delete(kim, chat, root)
	if got := n.Messages(chat); len(got) != 0 {
		t.Errorf("%d messages are left after the root was deleted", len(got))
	}
	n.Archive(chat)
	if id := n.Post(kim, chat, "late"); id != "" {
		t.Errorf("an archived chat took a message")
	}
}
