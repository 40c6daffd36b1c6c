package queue

import (
	"slices"
	"time"
)

// breaker is open while everything behind it is in trouble: one lane probes, the
// others wait without attempts of their own.
//
// What looks like trouble of all may be that of one lane: a room that the
// homeserver's proxy answers with 502, a channel that is too slow. So the lanes
// take turns in probing, the first one but the culprit at once; a failure says
// nothing about the others when one of them has got through since its attempt
// began; and a lane that failed while others got through fails alone from then on.
type breaker struct {
	name     string
	failures int
	limited  bool    // the other side said when to come again
	opener   *lane   // who failed first
	agreed   bool    // another one has failed, too
	probing  *lane   // the lane that tries now or is about to
	lanes    []*lane // waiting, in order of arrival
	timer    timer
}

// trip opens a breaker, or keeps it open after a failed probe. Failures of steps
// that were under way when it opened count as one.
func (q *Queue) trip(l *lane, after time.Duration) {
	b := q.breakers[l.breaker]
	if b == nil {
		b = &breaker{name: l.breaker}
		b.timer = timer{index: -1, brk: b}
		q.breakers[l.breaker] = b
	}
	b.lanes = append(b.lanes, l)
	b.limited = b.limited || after > 0
	if b.opener == nil {
		b.opener = l
	}
	b.agreed = b.agreed || b.opener != l
	if b.failures == 0 || b.probing == l {
		b.failures++
		pause := max(after, q.backoff(b.failures))
		b.probing = nil
		q.timers.start(&b.timer, q.o.Now().Add(pause))
		q.retimed()
	} else if after > 0 && b.probing == nil {
		// A later answer may ask for more patience than ours.
		if at := q.o.Now().Add(after); at.After(b.timer.at) {
			q.timers.start(&b.timer, at)
		}
	}
	l.state = tripped
	if len(l.items) > 1 || q.memory > q.o.Memory/2 {
		q.empty(l)
	}
}

// stopped says whether a lane must wait for its breaker, and lets it wait.
func (q *Queue) stopped(l *lane) bool {
	b := q.breakers[l.breaker]
	if b == nil || b.probing == l {
		return false
	}
	if !b.agreed && !b.limited && b.probing == nil && l.attempts == 0 {
		b.probing = l // a second opinion
		return false
	}
	l.state = tripped
	if len(l.items) > 1 || q.memory > q.o.Memory/2 {
		q.empty(l)
	}
	b.lanes = append(b.lanes, l)
	if b.probing == nil && b.timer.index < 0 {
		q.probe(b)
	}
	return true
}

// probe lets one lane try now.
func (q *Queue) probe(b *breaker) {
	if b == nil || b.probing != nil {
		return
	}
	q.timers.stop(&b.timer)
	if len(b.lanes) == 0 {
		delete(q.breakers, b.name)
		return
	}
	b.probing = b.lanes[0]
	b.lanes = b.lanes[1:]
	q.makeReady(b.probing)
}

// mend closes a lane's breaker after a probe that reached the other side.
func (q *Queue) mend(l *lane) {
	b := q.breakers[l.breaker]
	if b == nil || b.probing != l {
		return
	}
	q.timers.stop(&b.timer)
	delete(q.breakers, b.name)
	for _, w := range b.lanes {
		w.alone = w.attempts > 0
		q.makeReady(w)
	}
}

// through notes that a lane got through to the other side.
func (q *Queue) through(l *lane) {
	l.alone = false
	q.good[l.breaker] = q.o.Now()
}

// shares tells whether a lane's failure may be that of all. A limit is what the
// other side says of all, although some get through.
func (q *Queue) shares(l *lane, r *Retry) bool {
	return !l.alone && (r.After > 0 || !q.good[l.breaker].After(l.began))
}

// forget takes a lane out; if it was to probe, the next one does.
func (b *breaker) forget(q *Queue, l *lane) {
	if n := slices.Index(b.lanes, l); n >= 0 {
		b.lanes = slices.Delete(b.lanes, n, n+1)
	}
	if b.probing == l {
		b.probing = nil
		q.probe(b)
	}
}
