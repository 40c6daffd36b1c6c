package check_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/integration/check"
)

// script is a made-up conversation: in each of two chats a teacher and a pupil
// write three messages, and everything has crossed.
type script struct {
	sent               []check.Sent
	mattermost, matrix check.Transcript
}

var start = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func conversation() *script {
	s := &script{mattermost: check.Transcript{}, matrix: check.Transcript{}}
	now := start
	for _, chat := range []string{"market", "staff"} {
		for n := range 3 {
			for _, who := range []check.Sent{
				{Text: "anna", Author: "Anna Arnold", From: check.Mattermost},
				{Text: "carla", Author: "Carla Conrad", From: check.Matrix},
			} {
				who.Chat, who.Text = chat, strings.Join([]string{chat, who.Text, string(rune('1' + n))}, " ")
				who.Acknowledged, who.Began, who.Ended = true, now, now.Add(time.Millisecond)
				now = now.Add(time.Second)
				s.sent = append(s.sent, who)
				seen := check.Seen{Text: who.Text, Author: who.Author, At: now.UnixMilli()}
				s.mattermost[chat] = append(s.mattermost[chat], seen)
				s.matrix[chat] = append(s.matrix[chat], seen)
			}
		}
	}
	return s
}

// at returns the place of a text in a chat.
func (s *script) at(t *testing.T, side check.Transcript, chat, text string) int {
	t.Helper()
	for i, seen := range side[chat] {
		if seen.Text == text {
			return i
		}
	}
	t.Fatalf("no %q in %s", text, chat)
	return 0
}

// remove takes a text out of a chat and returns it.
func (s *script) remove(t *testing.T, side check.Transcript, chat, text string) check.Seen {
	t.Helper()
	i := s.at(t, side, chat, text)
	seen := side[chat][i]
	side[chat] = append(append([]check.Seen(nil), side[chat][:i]...), side[chat][i+1:]...)
	return seen
}

// swap exchanges two messages of a chat, and their places.
func (s *script) swap(t *testing.T, side check.Transcript, chat, a, b string) {
	t.Helper()
	i, k := s.at(t, side, chat, a), s.at(t, side, chat, b)
	list := side[chat]
	list[i], list[k] = list[k], list[i]
	list[i].At, list[k].At = list[k].At, list[i].At
}

// written returns the message with a text.
func (s *script) written(t *testing.T, text string) *check.Sent {
	t.Helper()
	for i := range s.sent {
		if s.sent[i].Text == text {
			return &s.sent[i]
		}
	}
	t.Fatalf("nobody wrote %q", text)
	return nil
}

func TestCompare(t *testing.T) {
	t.Parallel()
	type counts map[check.Fault]int
	for _, c := range []struct {
		name   string
		change func(t *testing.T, s *script)
		want   counts
		look   func(t *testing.T, r check.Report)
	}{
		{name: "nothing wrong", change: func(*testing.T, *script) {}, look: func(t *testing.T, r check.Report) {
			t.Helper()
			for _, side := range []check.Side{check.Mattermost, check.Matrix} {
				want := check.Row{From: side, Written: 6, Crossed: 6}
				if diff := cmp.Diff(want, r.Total(side)); diff != "" {
					t.Error(diff)
				}
			}
		}},
		{name: "lost", want: counts{check.Lost: 1}, change: func(t *testing.T, s *script) {
			t.Helper()
			s.remove(t, s.matrix, "market", "market anna 2")
		}},
		{name: "doubled", want: counts{check.Doubled: 1}, change: func(t *testing.T, s *script) {
			t.Helper()
			s.mattermost["staff"] = append(s.mattermost["staff"], s.mattermost["staff"][1])
		}},
		{name: "doubled in another chat", want: counts{check.Doubled: 1, check.WrongChat: 1}, change: func(_ *testing.T, s *script) {
			s.mattermost["market"] = append(s.mattermost["market"], s.mattermost["staff"][1])
		}},
		{name: "wrong chat", want: counts{check.WrongChat: 1}, change: func(t *testing.T, s *script) {
			t.Helper()
			s.matrix["staff"] = append(s.matrix["staff"], s.remove(t, s.matrix, "market", "market anna 3"))
		}},
		{name: "wrong name", want: counts{check.WrongName: 1}, change: func(t *testing.T, s *script) {
			t.Helper()
			s.mattermost["staff"][s.at(t, s.mattermost, "staff", "staff carla 1")].Author = "steg"
		}},
		{name: "reordered", want: counts{check.Reordered: 1}, change: func(t *testing.T, s *script) {
			t.Helper()
			s.swap(t, s.matrix, "market", "market anna 1", "market anna 2")
		}},
		{name: "never acknowledged and late", change: func(t *testing.T, s *script) {
			t.Helper()
			s.written(t, "market anna 1").Acknowledged = false
			s.swap(t, s.matrix, "market", "market anna 1", "market anna 2")
		}},
		{name: "never acknowledged and early", want: counts{check.Reordered: 1}, change: func(t *testing.T, s *script) {
			t.Helper()
			s.written(t, "market anna 2").Acknowledged = false
			s.swap(t, s.matrix, "market", "market anna 1", "market anna 2")
		}},
		{name: "one late", want: counts{check.Reordered: 1}, change: func(t *testing.T, s *script) {
			t.Helper()
			s.swap(t, s.matrix, "market", "market anna 1", "market anna 2")
			s.swap(t, s.matrix, "market", "market anna 1", "market anna 3")
		}},
		{name: "directions have no common order", change: func(t *testing.T, s *script) {
			t.Helper()
			s.swap(t, s.matrix, "market", "market anna 1", "market carla 1")
		}},
		{name: "written at the same moment", change: func(t *testing.T, s *script) {
			t.Helper()
			s.written(t, "market anna 1").Ended = s.written(t, "market anna 2").Began
			s.swap(t, s.matrix, "market", "market anna 1", "market anna 2")
		}, look: func(t *testing.T, r check.Report) {
			t.Helper()
			if n := r.Total(check.Mattermost).Simultaneous; n != 1 {
				t.Errorf("%d simultaneous", n)
			}
		}},
		{name: "disordered at the source already", change: func(t *testing.T, s *script) {
			t.Helper()
			s.swap(t, s.matrix, "market", "market carla 1", "market carla 2")
			s.swap(t, s.mattermost, "market", "market carla 1", "market carla 2")
		}},
		{name: "no order at the other side", change: func(t *testing.T, s *script) {
			t.Helper()
			s.swap(t, s.matrix, "market", "market anna 1", "market anna 2")
			for i := range s.matrix["market"] {
				s.matrix["market"][i].At = 1
			}
		}},
		{name: "unclear and never there", change: func(t *testing.T, s *script) {
			t.Helper()
			s.written(t, "staff carla 2").Acknowledged = false
			s.remove(t, s.matrix, "staff", "staff carla 2")
			s.remove(t, s.mattermost, "staff", "staff carla 2")
		}, look: unclear(1, 5)},
		{name: "unclear and crossed", change: func(t *testing.T, s *script) {
			t.Helper()
			s.written(t, "staff carla 2").Acknowledged = false
		}, look: unclear(1, 6)},
		{name: "unclear, there and lost", want: counts{check.Lost: 1}, change: func(t *testing.T, s *script) {
			t.Helper()
			s.written(t, "staff carla 2").Acknowledged = false
			s.remove(t, s.mattermost, "staff", "staff carla 2")
		}},
		{name: "unclear and only at the other side", want: counts{check.Strange: 1}, change: func(t *testing.T, s *script) {
			t.Helper()
			s.written(t, "staff carla 2").Acknowledged = false
			s.remove(t, s.matrix, "staff", "staff carla 2")
		}},
		{name: "vanished", want: counts{check.Vanished: 1, check.Lost: 1}, change: func(t *testing.T, s *script) {
			t.Helper()
			s.remove(t, s.matrix, "staff", "staff carla 3")
			s.remove(t, s.mattermost, "staff", "staff carla 3")
		}},
		{name: "vanished after it crossed", want: counts{check.Vanished: 1}, change: func(t *testing.T, s *script) {
			t.Helper()
			s.remove(t, s.matrix, "staff", "staff carla 3")
		}},
		{name: "spoilt", want: counts{check.Lost: 1, check.Strange: 1}, change: func(t *testing.T, s *script) {
			t.Helper()
			s.matrix["staff"][s.at(t, s.matrix, "staff", "staff anna 1")].Text = "staff anna"
		}},
		{name: "the same text twice", want: counts{check.Strange: 1}, change: func(_ *testing.T, s *script) {
			s.sent = append(slices.Clip(s.sent), s.sent[0])
		}, look: func(*testing.T, check.Report) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := conversation()
			c.change(t, s)
			report := check.Compare(s.sent, s.mattermost, s.matrix)
			got := counts{}
			for _, fault := range check.Faults() {
				if n := report.Count(fault); n > 0 {
					got[fault] = n
				}
			}
			want := c.want
			if want == nil {
				want = counts{}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\n%s%v", diff, report.Detailed(), report.Err())
			}
			if sound := report.Err() == nil; sound != (len(want) == 0) {
				t.Errorf("Err: %v", report.Err())
			}
			if c.look != nil {
				c.look(t, report)
			}
		})
	}
}

// unclear looks at the pupils' messages in staff.
func unclear(n, written int) func(*testing.T, check.Report) {
	return func(t *testing.T, r check.Report) {
		t.Helper()
		if total := r.Total(check.Matrix); total.Unclear != n || total.Written != written || total.Crossed != written {
			t.Errorf("%+v", total)
		}
	}
}

func TestReportNamesFaults(t *testing.T) {
	t.Parallel()
	s := conversation()
	s.remove(t, s.matrix, "market", "market anna 2")
	s.mattermost["staff"] = append(s.mattermost["staff"], s.mattermost["staff"][1])
	report := check.Compare(s.sent, s.mattermost, s.matrix)
	err := report.Err()
	if err == nil || !strings.Contains(err.Error(), `lost: "market anna 2" from Mattermost: not on Matrix`) {
		t.Errorf("%v", err)
	}
	table := report.Detailed()
	for _, want := range []string{"reordered", "Mattermost → Matrix", "Matrix → Mattermost", "market", "staff", "all"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	if lines := strings.Count(report.String(), "\n"); lines != 3 {
		t.Errorf("%d lines in\n%s", lines, report.String())
	}
}
