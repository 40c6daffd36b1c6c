package mattermost

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// storm acts as people and as everything that goes wrong, at random.
type storm struct {
	*rig
	rand  *rand.Rand
	chats []bridge.ChatID
	posts map[bridge.ChatID][]string // of Kim, some of them deleted
	sent  int
	stop  func()

	mu    sync.Mutex
	fails int // calls of Deliver that fail from now on
	crash bool
}

// fate decides what becomes of a Deliver.
func (s *storm) fate(int) bridgetest.Fate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails == 0 {
		return bridgetest.Commit
	}
	s.fails--
	if s.crash {
		return bridgetest.Crash
	}
	return bridgetest.Fail
}

// sendSurely sends as a lane of the core does.
func (s *storm) sendSurely(chat bridge.ChatID) {
	s.sent++
	m := s.out(chat, fmt.Sprintf("key-%d", s.sent), fmt.Sprintf("ours %d", s.sent))
	for {
		receipt, err := s.client.Send(s.t.Context(), m)
		if err == nil {
			s.sink.Sent(chat, m.Key, receipt)
			return
		}
		if class := bridge.Classify(err); class != bridge.ClassTemporary && class != bridge.ClassUnknown {
			s.t.Fatalf("Send: %v", err)
		}
		m.Uncertain = true
	}
}

func (s *storm) step() {
	chat := s.chats[s.rand.IntN(len(s.chats))]
	known := s.posts[chat]
	some := func() string {
		if len(known) == 0 {
			return ""
		}
		return known[s.rand.IntN(len(known))]
	}
	text := fmt.Sprintf("text %d", s.rand.Uint32())
	switch n := s.rand.IntN(100); {
	case n < 40:
		s.posts[chat] = append(known, s.say(chat, text))
	case n < 50:
		// The root may be gone, or a reply itself: then the server refuses.
		if p, err := s.server.Post(s.kim, &model.Post{ChannelId: string(chat), RootId: some(), Message: text}); err == nil {
			s.posts[chat] = append(known, p.Id)
		}
	case n < 64:
		_, _ = s.server.Patch(s.kim, some(), &model.PostPatch{Message: &text}) // it may be gone
	case n < 68:
		_, _ = s.server.Patch(s.kim, some(), &model.PostPatch{IsPinned: new(s.rand.IntN(2) == 0)})
	case n < 78:
		_ = s.server.Delete(s.kim, some())
	case n < 86:
		s.sendSurely(chat)
	case n < 88:
		s.server.Cut(s.bot)
	case n < 89:
		s.server.Restart()
	case n < 91:
		s.server.StaleSince(s.rand.IntN(3))
	case n < 93:
		s.server.FailNext(s.bot, s.rand.IntN(6), []bridgetest.Fault{bridgetest.FaultServer, bridgetest.FaultAnswerLost}[s.rand.IntN(2)])
	case n < 95:
		s.mu.Lock()
		s.fails, s.crash = 1+s.rand.IntN(2), s.rand.IntN(2) == 0
		s.mu.Unlock()
	case n < 97:
		s.stop()
		s.restart()
		s.stop = s.run()
	case n < 98:
		s.server.DuplicatePushes(s.rand.IntN(2) == 0)
	case n < 99 && s.rand.IntN(6) == 0: // more than one answer holds
		for i := range 1100 {
			known = append(known, s.say(chat, fmt.Sprintf("%s %d", text, i)))
		}
		s.posts[chat] = known
	default:
		_ = wait(s.t.Context(), time.Duration(s.rand.IntN(40))*time.Millisecond) // the context lives on
	}
}

// view is what one side shows, in short lines.
func (s *storm) view(chat bridge.ChatID) (network, core []string) {
	for _, p := range s.server.Live(string(chat)) {
		if p.UserId != s.bot {
			network = append(network, fmt.Sprintf("%s in %q: %s", p.Id, p.RootId, p.Message))
		}
	}
	for _, m := range s.sink.View(chat) {
		core = append(core, fmt.Sprintf("%s in %q: %s", m.ID, m.Thread, m.Content.Body))
	}
	return network, core
}

func (s *storm) wantSame(chat bridge.ChatID) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), settle)
	defer cancel()
	var diff string
	if err := s.sink.Await(ctx, func() bool {
		network, core := s.view(chat)
		diff = cmp.Diff(network, core)
		return diff == ""
	}); err != nil {
		s.t.Errorf("the sides differ (-network +core):\n%s", diff)
	}
}

// Whatever people do and whatever breaks, both sides show the same in the end.
func TestStorm(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			storming(t, seed)
		})
	}
}

func storming(t *testing.T, seed uint64) {
	t.Helper()
	r := newRig(t)
	// With the usual overlap a storm would end before any cursor counts.
	r.over = 5
	r.restart()
	s := &storm{rig: r, rand: rand.New(rand.NewPCG(seed, 1)), posts: map[bridge.ChatID][]string{}}
	for range 3 {
		s.chats = append(s.chats, r.linked())
	}
	r.sink.Decide(s.fate)
	s.stop = r.run()
	for range 400 {
		s.step()
	}
	s.mu.Lock()
	s.fails = 0
	s.mu.Unlock()
	r.server.FailNext(r.bot, 0, "")
	r.server.StaleSince(0)
	for _, chat := range s.chats {
		s.fence(chat)
		s.wantSame(chat)
	}
	s.stop()
	for _, b := range r.sink.Breaches() {
		t.Errorf("breach of the contract: %s", b)
	}
	count := map[string]int{}
	for _, chat := range s.chats {
		for _, p := range r.server.Live(string(chat)) {
			if p.UserId == r.bot {
				count[p.Message]++
			}
		}
	}
	for i := range s.sent {
		if text := fmt.Sprintf("ours %d", i+1); count[text] != 1 {
			t.Errorf("%q was posted %d times", text, count[text])
		}
	}
	if log := r.log.String(); strings.Contains(log, "text ") || strings.Contains(log, r.token) {
		t.Errorf("the log tells too much:\n%s", log)
	}
}
