package policy

import "time"

// Loop notices a portal in which two gateways feed each other: many fresh
// messages in both directions within a minute. The zero value with Limit 0 never
// trips. Not safe for concurrent use.
type Loop struct {
	Limit int // fresh messages per minute and direction; 0 = off

	started time.Time
	counts  [2]int
}

// fresh is how young a message must be to count: a backlog is no loop.
const fresh = time.Minute

// Note counts a message that was written at sent and crosses now, inbound or
// outbound, and reports whether the portal must stop.
func (l *Loop) Note(inbound bool, sent, now time.Time) bool {
	if l.Limit <= 0 || now.Sub(sent) > fresh {
		return false
	}
	if now.Sub(l.started) > time.Minute {
		l.started, l.counts = now, [2]int{}
	}
	i := 0
	if inbound {
		i = 1
	}
	l.counts[i]++
	return l.counts[0] > l.Limit && l.counts[1] > l.Limit
}
