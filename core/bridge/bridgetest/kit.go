package bridgetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// canary is in every text and every name of the suite: it must be in no log line
// and in no error.
const canary = "Zaunkoenig"

// kit is what a case works with: an Env, a sink and a client, and helpers that
// fail the case.
type kit struct {
	tb     testing.TB
	opts   Opts
	env    Env
	remote Remote
	log    *logbook
	sink   *Sink
	client bridge.Client

	finished  bool
	disturbed *atomic.Bool // the driver was asked for faults

	mu    sync.Mutex
	count int
	runs  []*supervised
	errs  []error // everything the bridge has answered
}

func newKit(tb testing.TB, o Opts) *kit {
	tb.Helper()
	k := &kit{tb: tb, opts: o, log: newLogbook(), sink: NewSink()}
	k.env = o.New(tb, bridge.Deps{
		ID: "suite", Log: k.log.logger(), Now: time.Now,
		Secret: func(value, _ string) (string, error) { return value, nil },
	})
	k.disturbed = new(atomic.Bool)
	k.remote = watched{k.env.Remote, k.disturbed}
	k.client = k.open(k.env.Bridge)
	tb.Cleanup(k.finish) // also when the case gives up half-way
	return k
}

func (k *kit) open(b bridge.Bridge) bridge.Client {
	k.tb.Helper()
	c, err := b.Open(k.env.Login)
	if err != nil {
		k.tb.Fatalf("Open: %v", err)
	}
	return c
}

func (k *kit) caps() bridge.Capabilities { return k.env.Bridge.Capabilities().Fill(k.client) }

// finish checks what must hold after every case, once.
func (k *kit) finish() {
	k.tb.Helper()
	k.stopAll()
	if k.finished {
		return
	}
	k.finished = true
	for _, b := range k.sink.Breaches() {
		k.tb.Errorf("breach of the contract: %s", b)
	}
	k.checkSecrets()
}

// checkSecrets looks for content and secrets in the log and in all errors.
func (k *kit) checkSecrets() {
	k.tb.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	text := k.log.text()
	for _, w := range append([]string{canary}, k.env.Secrets...) {
		if strings.Contains(text, w) {
			k.tb.Errorf("the log holds content, a name or a secret: %s", excerpt(text, w))
		}
		for _, err := range k.errs {
			if strings.Contains(err.Error(), w) {
				k.tb.Errorf("an error of type %T holds content, a name or a secret", err)
			}
		}
	}
}

// noted keeps an answer of the bridge for checkSecrets and returns it.
func (k *kit) noted(err error) error {
	if err != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.errs = append(k.errs, err)
	}
	return err
}

// next counts from 1.
func (k *kit) next() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.count++
	return k.count
}

// say makes a text that is unique in the case and holds the canary.
func (k *kit) say(text string) string {
	return fmt.Sprintf("%s %s %d", text, canary, k.next())
}

// settle is a context that ends when the network has had time enough.
func (k *kit) settle() (context.Context, context.CancelFunc) {
	return context.WithTimeout(k.tb.Context(), k.opts.settle())
}

// await fails the case when cond does not hold in time. cond may ask the sink
// and the remote.
func (k *kit) await(what string, cond func() bool) {
	k.tb.Helper()
	if !k.holds(cond) {
		k.tb.Fatalf("not in %v: %s", k.opts.settle(), what)
	}
}

// holds waits for cond and tells whether it came true in time.
func (k *kit) holds(cond func() bool) bool {
	ctx, cancel := k.settle()
	defer cancel()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		once, stop := context.WithTimeout(ctx, pause)
		err := k.sink.Await(once, cond)
		stop()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return cond()
		}
	}
}

// within runs f, which must return within d.
func (k *kit) within(d time.Duration, what string, f func()) {
	k.tb.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		k.tb.Fatalf("%s did not return within %v", what, d)
	}
}

// user makes a person whose name holds the canary.
func (k *kit) user(name string) bridge.UserID {
	k.tb.Helper()
	return k.remote.NewUser(k.tb, name+" "+canary)
}

// chat makes a public chat and links it from now on.
func (k *kit) chat() bridge.ChatID {
	k.tb.Helper()
	chat, _ := k.remote.NewChat(k.tb, false)
	k.link(chat)
	return chat
}

// link follows the chat and links it in the sink.
func (k *kit) link(chat bridge.ChatID) bridge.Cursor {
	k.tb.Helper()
	var cursor bridge.Cursor
	if f, ok := k.client.(bridge.Follower); ok {
		ctx, cancel := k.settle()
		defer cancel()
		var err error
		if cursor, err = f.Follow(ctx, chat); k.noted(err) != nil {
			k.tb.Fatalf("Follow: %v", err)
		}
	}
	k.sink.Link(chat, cursor)
	return cursor
}

// post writes a text that the network must take.
func (k *kit) post(user bridge.UserID, chat bridge.ChatID, text string) bridge.MessageID {
	k.tb.Helper()
	msg := k.remote.Post(k.tb, user, chat, text)
	if msg == "" {
		k.tb.Fatalf("the network refuses a plain text")
	}
	return msg
}

// fence posts a message and waits until it is stored: what was to come before it
// has come.
func (k *kit) fence(user bridge.UserID, chat bridge.ChatID) bridge.MessageID {
	k.tb.Helper()
	msg := k.post(user, chat, k.say("fence"))
	k.awaitMessage(chat, msg)
	return msg
}

// awaitMessage waits for a message and returns it.
func (k *kit) awaitMessage(chat bridge.ChatID, msg bridge.MessageID) *bridge.Message {
	k.tb.Helper()
	var found *bridge.Message
	k.await("the message is delivered", func() bool {
		for _, m := range k.sink.Messages(chat) {
			if m.ID == msg {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// out makes a plain message to the network.
func (k *kit) out(chat bridge.ChatID, text string) *bridge.Outgoing {
	now := time.Now()
	return &bridge.Outgoing{
		Key: bridge.Key(fmt.Sprintf("steg-%d-%d", now.UnixNano(), k.next())), Chat: chat, Since: now, Time: now,
		Author:  bridge.Author{ID: "@kim:school.example", Name: "Kim " + canary},
		Content: &event.MessageEventContent{MsgType: event.MsgText, Body: text},
		People:  map[id.UserID]bridge.Person{},
	}
}

// trySend sends once.
func (k *kit) trySend(m *bridge.Outgoing) (bridge.Receipt, error) {
	ctx, cancel := k.settle()
	defer cancel()
	r, err := k.client.Send(ctx, m)
	if err == nil {
		k.sink.Sent(m.Chat, m.Key, r)
	}
	return r, k.noted(err)
}

// send sends, and the network must take it.
func (k *kit) send(m *bridge.Outgoing) bridge.Receipt {
	k.tb.Helper()
	r, err := k.trySend(m)
	if err != nil {
		k.tb.Fatalf("Send: %v", err)
	}
	if r.ID == "" {
		k.tb.Fatalf("Send: a receipt without ID")
	}
	return r
}

// lane sends as a lane of the core does: again after a temporary error, then
// with Uncertain set.
func (k *kit) lane(m *bridge.Outgoing) (bridge.Receipt, error) {
	ctx, cancel := k.settle()
	defer cancel()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		r, err := k.trySend(m)
		if err == nil || bridge.Classify(err) == bridge.ClassPermanent || bridge.Classify(err) == bridge.ClassLoggedOut {
			return r, err
		}
		m.Uncertain = true
		if !pauseFor(ctx, pause) {
			return r, fmt.Errorf("still failing: %w", err)
		}
	}
}

// texts lists the remote's messages of a chat by their text.
func (k *kit) texts(chat bridge.ChatID) []string {
	k.tb.Helper()
	var out []string
	for _, m := range k.remote.Messages(k.tb, chat) {
		out = append(out, m.Text)
	}
	return out
}

// only returns the one message that the chat must hold.
func (k *kit) only(chat bridge.ChatID) RemoteMessage {
	k.tb.Helper()
	all := k.remote.Messages(k.tb, chat)
	if len(all) != 1 {
		k.tb.Fatalf("the network shows %d messages, want 1", len(all))
	}
	return all[0]
}

// wantPermanent fails unless err says that the message can never pass.
func (k *kit) wantPermanent(what string, err error) {
	k.tb.Helper()
	if err == nil || bridge.Classify(err) != bridge.ClassPermanent {
		k.tb.Errorf("%s: error %v, want a permanent one", what, err)
	}
}

// wantIs fails unless err is want.
func (k *kit) wantIs(what string, err, want error) {
	k.tb.Helper()
	if !errors.Is(err, want) {
		k.tb.Errorf("%s: error %v, want %q", what, err, want)
	}
}

// pauseFor waits and tells whether ctx still lives.
func pauseFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func excerpt(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
