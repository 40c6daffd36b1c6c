package bridgetest_test

import (
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

func text(body string) *event.MessageEventContent {
	return &event.MessageEventContent{MsgType: event.MsgText, Body: body}
}

func msg(id bridge.MessageID, key bridge.Key, cursor bridge.Cursor) *bridge.Message {
	m := &bridge.Message{ID: id, Content: text("x")}
	m.Meta = bridge.Meta{Chat: "c", Sender: "u", Time: time.Unix(1, 0), Key: key, Cursor: cursor}
	return m
}

func TestSinkCommitsOrNot(t *testing.T) {
	t.Parallel()
	s := bridgetest.NewSink()
	s.Link("c", "0")
	s.Decide(func(n int) bridgetest.Fate {
		return []bridgetest.Fate{bridgetest.Fail, bridgetest.Crash, bridgetest.Commit}[n-1]
	})
	if err := s.Deliver(t.Context(), msg("m1", "k1", "1")); err == nil || s.Cursor("c") != "0" || len(s.Events("c")) != 0 {
		t.Errorf("Fail: error %v, cursor %q, %d events", err, s.Cursor("c"), len(s.Events("c")))
	}
	if err := s.Deliver(t.Context(), msg("m1", "k1", "1")); err == nil || s.Cursor("c") != "1" || len(s.Events("c")) != 1 {
		t.Errorf("Crash: error %v, cursor %q, %d events", err, s.Cursor("c"), len(s.Events("c")))
	}
	if err := s.Deliver(t.Context(), msg("m1", "k1", "1"), msg("m2", "k2", "2")); err != nil || s.Cursor("c") != "2" ||
		len(s.Messages("c")) != 2 || s.Repeats() != 1 {
		t.Errorf("Commit: error %v, cursor %q, %d messages, %d repeats", err, s.Cursor("c"), len(s.Messages("c")), s.Repeats())
	}
	if got := s.Breaches(); len(got) > 0 {
		t.Errorf("breaches: %q", got)
	}
}

func TestSinkMapped(t *testing.T) {
	t.Parallel()
	s := bridgetest.NewSink()
	s.Link("c", "")
	root, reply, gone := msg("root", "k1", "1"), msg("reply", "k2", "2"), msg("gone", "k3", "3")
	reply.Thread = "root"
	removal := &bridge.Removal{Meta: msg("", "k4", "4").Meta, Target: "gone"}
	if err := s.Deliver(t.Context(), root, reply, gone, removal); err != nil {
		t.Fatal(err)
	}
	s.Sent("c", "ours", bridge.Receipt{ID: "mine", Time: time.Unix(9, 0)})
	mapped := func(since int64) map[bridge.MessageID]bool {
		ids, err := s.Mapped(t.Context(), "c", time.Unix(since, 0))
		if err != nil {
			t.Fatal(err)
		}
		out := map[bridge.MessageID]bool{}
		for _, id := range ids {
			out[id] = true
		}
		return out
	}
	if got := mapped(0); len(got) != 3 || got["gone"] {
		t.Errorf("Mapped: %v", got)
	}
	if got := mapped(5); len(got) != 1 || !got["mine"] {
		t.Errorf("Mapped since 5: %v", got)
	}
	cascade := &bridge.Removal{Meta: msg("", "k5", "5").Meta, Target: "root", Cascade: true}
	if err := s.Deliver(t.Context(), cascade); err != nil {
		t.Fatal(err)
	}
	if got := mapped(0); len(got) != 1 || len(s.View("c")) != 0 {
		t.Errorf("after the cascade: %v mapped, %d in view", got, len(s.View("c")))
	}
}

func TestSinkNotesBreaches(t *testing.T) {
	t.Parallel()
	with := func(f func(m *bridge.Message)) bridge.Event {
		m := msg("m9", "k9", "9")
		f(m)
		return m
	}
	meta := msg("", "k9", "9").Meta
	tests := map[string]struct {
		evs  []bridge.Event
		says string
	}{
		"blank in key":     {[]bridge.Event{with(func(m *bridge.Message) { m.Key = "a b" })}, "printable"},
		"no key":           {[]bridge.Event{with(func(m *bridge.Message) { m.Key = "" })}, "printable"},
		"long key":         {[]bridge.Event{with(func(m *bridge.Message) { m.Key = bridge.Key(strings.Repeat("k", 256)) })}, "printable"},
		"no time":          {[]bridge.Event{with(func(m *bridge.Message) { m.Time = time.Time{} })}, "no time"},
		"no chat":          {[]bridge.Event{with(func(m *bridge.Message) { m.Chat = "" })}, "empty chat"},
		"no ID":            {[]bridge.Event{with(func(m *bridge.Message) { m.ID = "" })}, "no ID"},
		"no content":       {[]bridge.Event{with(func(m *bridge.Message) { m.Content = nil })}, "no content"},
		"relation":         {[]bridge.Event{with(func(m *bridge.Message) { m.Content.RelatesTo = &event.RelatesTo{} })}, "relations"},
		"no format":        {[]bridge.Event{with(func(m *bridge.Message) { m.Content.FormattedBody = "<b>" })}, "without format"},
		"two keys":         {[]bridge.Event{msg("m1", "k1", "1"), msg("m1", "k2", "2")}, "another key"},
		"one key":          {[]bridge.Event{msg("m1", "k1", "1"), msg("m2", "k1", "2")}, "one key"},
		"edit of nothing":  {[]bridge.Event{&bridge.Edit{Meta: meta, Content: text("x")}}, "no target"},
		"removal":          {[]bridge.Event{&bridge.Removal{Meta: meta}}, "no target"},
		"gone, but why":    {[]bridge.Event{&bridge.ChatGone{Meta: meta}}, "no reason"},
		"other chat":       {[]bridge.Event{&bridge.ChatChange{Meta: meta, Info: bridge.ChatInfo{ID: "d"}}}, "another chat"},
		"person in a chat": {[]bridge.Event{&bridge.UserChange{Meta: meta, Info: bridge.UserInfo{ID: "u"}}}, "empty chat"},
		"own message":      {[]bridge.Event{msg("mine", "k1", "1")}, "without Echo"},
		"other's echo":     {[]bridge.Event{with(func(m *bridge.Message) { m.ID, m.Echo = "mine", "not-ours" })}, "of another"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := bridgetest.NewSink()
			s.Link("c", "")
			s.Sent("c", "ours", bridge.Receipt{ID: "mine"})
			if err := s.Deliver(t.Context(), tt.evs...); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(s.Breaches(), "\n"); !strings.Contains(got, tt.says) {
				t.Errorf("breaches %q, want %q", got, tt.says)
			}
		})
	}
}
