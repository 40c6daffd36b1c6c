package store_test

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

// modelLane is what a lane should be.
type modelLane struct {
	key     store.LaneKey
	id      int64
	pending []store.Item
	dead    map[int64]store.Item // by number
	known   map[bridge.Key]bool
	want    store.LaneState
	changed bool
}

// model is what the database should hold, kept by simple code.
type model struct {
	t     *testing.T
	s     *store.Store
	i     *store.Instance
	lanes []*modelLane
}

// Whatever happens, in whatever order: nothing is lost, doubled or reordered, and
// received = delivered + dropped + dead + pending.
func TestAccountHoldsWhateverHappens(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		i, err := s.AcquireInstance(t.Context())
		ok(t, err)
		m := &model{t: t, s: s, i: i}
		t.Cleanup(func() { m.i.Crash(t) })
		var portals atomic.Int64
		rapid.Check(t, func(r *rapid.T) {
			m.lanes = nil
			for range 3 { // lanes that no earlier run has used
				m.lanes = append(m.lanes, &modelLane{key: lane(portals.Add(1)), dead: map[int64]store.Item{}, known: map[bridge.Key]bool{}})
			}
			r.Repeat(map[string]func(*rapid.T){
				"accept": m.accept, "end": m.end, "mixed": m.mixed, "defer": m.postpone, "exhume": m.exhume, "crash": m.crash, "": m.check,
			})
		})
		for _, line := range must[[]string](t)(s.VerifyAccount(t.Context())) {
			t.Error(line)
		}
	})
}

func (m *model) lane(r *rapid.T) *modelLane {
	l := m.lanes[rapid.IntRange(0, len(m.lanes)-1).Draw(r, "lane")]
	l.changed = true
	return l
}

func (m *model) intake(r *rapid.T, l *modelLane) (in store.Intake, fresh int) {
	seen := maps.Clone(l.known)
	for range rapid.IntRange(1, 5).Draw(r, "entries") {
		key := bridge.Key(fmt.Sprint("k", rapid.IntRange(0, 30).Draw(r, "key")))
		in.Entries = append(in.Entries, store.Entry{Lane: l.key, Key: key, Kind: "text", Payload: []byte("of " + key)})
		if !seen[key] {
			seen[key] = true
			fresh++
		}
	}
	return in, fresh
}

func (m *model) accept(r *rapid.T) {
	in, fresh := m.intake(r, m.lane(r))
	m.commit(r, store.Batch{Intakes: []store.Intake{in}}, []int{fresh})
}

func (m *model) end(r *rapid.T) {
	l := m.lane(r)
	if len(l.pending) > 0 {
		m.commit(r, store.Batch{Ends: []store.Done{m.done(r, l)}}, nil)
	}
}

func (m *model) mixed(r *rapid.T) {
	a, b := m.lane(r), m.lane(r)
	in, fresh := m.intake(r, a)
	batch := store.Batch{Intakes: []store.Intake{in}}
	if len(b.pending) > 0 {
		batch.Ends = []store.Done{m.done(r, b)}
	}
	m.commit(r, batch, []int{fresh})
}

func (m *model) postpone(r *rapid.T) {
	l := m.lane(r)
	if len(l.pending) > 0 {
		m.commit(r, store.Batch{Defers: []store.Deferral{{Item: l.pending[0], NotBefore: time.UnixMilli(1)}}}, nil)
	}
}

func (m *model) done(r *rapid.T, l *modelLane) store.Done {
	verdict := rapid.SampledFrom([]store.Verdict{store.Delivered, store.Dropped, store.Dead}).Draw(r, "verdict")
	it := l.pending[rapid.IntRange(0, len(l.pending)-1).Draw(r, "item")]
	d := store.Done{Item: it, Verdict: verdict, Reason: "why"}
	if rapid.Bool().Draw(r, "linked") && verdict == store.Delivered {
		d.Links = []store.Link{link(it, "remote")}
	}
	return d
}

// commit does a batch in the database and in the model.
func (m *model) commit(r *rapid.T, b store.Batch, accepted []int) {
	res, err := m.i.Commit(m.t.Context(), &b)
	if err != nil {
		r.Fatal(err)
	}
	if !slices.Equal(res.Accepted, accepted) || slices.Contains(res.Ends, false) || slices.Contains(res.Defers, false) {
		r.Fatalf("result %+v, want %v accepted", res, accepted)
	}
	for _, d := range b.Ends {
		l := m.of(d.Item.LaneKey)
		l.pending = slices.DeleteFunc(l.pending, func(it store.Item) bool { return it.Seq == d.Item.Seq })
		switch d.Verdict {
		case store.Delivered:
			l.want.Delivered++
		case store.Dropped:
			l.want.Dropped++
		case store.Dead:
			l.want.Dead++
			letters, err := m.s.DeadLetters(m.t.Context(), 1_000_000)
			if err != nil {
				r.Fatal(err)
			}
			l.dead[letters[len(letters)-1].Number] = d.Item
		}
	}
	for _, d := range b.Defers {
		l := m.of(d.Item.LaneKey)
		l.pending = slices.DeleteFunc(l.pending, func(it store.Item) bool { return it.Seq == d.Item.Seq })
	}
	for _, g := range res.Grown {
		l := m.of(g.Lane)
		l.id = g.ID
		l.pending = append(l.pending, g.Items...)
		for _, it := range g.Items {
			if !l.known[it.Key] {
				l.known[it.Key] = true
				l.want.Received++
			}
		}
	}
}

func (m *model) of(k store.LaneKey) *modelLane {
	for _, l := range m.lanes {
		if l.key == k {
			return l
		}
	}
	m.t.Fatalf("no lane %v", k)
	return nil
}

// exhume replays or discards a dead letter, as the command line does.
func (m *model) exhume(r *rapid.T) {
	l := m.lane(r)
	if len(l.dead) == 0 {
		return
	}
	number := rapid.SampledFrom(slices.Sorted(maps.Keys(l.dead))).Draw(r, "letter")
	it := l.dead[number]
	delete(l.dead, number)
	l.want.Dead--
	if rapid.Bool().Draw(r, "discard") {
		l.want.Dropped++
		if err := m.s.Discard(m.t.Context(), number, "@admin:x"); err != nil {
			r.Fatal(err)
		}
		return
	}
	if err := m.s.Replay(m.t.Context(), number); err != nil {
		r.Fatal(err)
	}
	items := m.fetch(r, l)
	it.Seq = items[len(items)-1].Seq
	l.pending = append(l.pending, it)
	m.claim(r)
}

// crash is kill -9 and a new start.
func (m *model) crash(r *rapid.T) {
	m.i.Crash(m.t)
	i, err := m.s.AcquireInstance(m.t.Context())
	if err != nil {
		r.Fatal(err)
	}
	m.i = i
	m.claim(r)
}

func (m *model) claim(r *rapid.T) {
	if _, err := m.i.Claim(m.t.Context(), 1_000_000, nil); err != nil {
		r.Fatal(err)
	}
}

func (m *model) fetch(r *rapid.T, l *modelLane) []store.Item {
	items, _, err := m.s.Fetch(m.t.Context(), l.id, 0, 1000, 1<<30)
	if err != nil {
		r.Fatal(err)
	}
	return items
}

// check compares the lanes with the model.
func (m *model) check(r *rapid.T) {
	for _, l := range m.lanes {
		if l.id == 0 || !l.changed {
			continue
		}
		l.changed = false
		var got, want []string
		for _, it := range m.fetch(r, l) {
			got = append(got, fmt.Sprint(it.Seq, it.Key, string(it.Payload)))
		}
		for _, it := range l.pending {
			want = append(want, fmt.Sprint(it.Seq, it.Key, "of "+string(it.Key)))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			r.Fatal(diff)
		}
		states, err := m.s.LanesOf(m.t.Context(), l.key.Portal)
		if err != nil || len(states) != 1 {
			r.Fatalf("lanes %v, %v", states, err)
		}
		s := states[0]
		if s.Received != l.want.Received || s.Delivered != l.want.Delivered || s.Dropped != l.want.Dropped || s.Dead != l.want.Dead ||
			s.Pending() != int64(len(l.pending)) || s.Oldest.IsZero() != (len(l.pending) == 0) {
			r.Fatalf("lane %+v, want %+v with %d pending", s, l.want, len(l.pending))
		}
	}
}
