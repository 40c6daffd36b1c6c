package kill_test

import (
	"time"

	"github.com/steg-bridge/steg/integration/check"
	"github.com/steg-bridge/steg/integration/world"
	"github.com/steg-bridge/steg/integration/world/worldtest"
)

// plan is what happens in one world.
type plan struct {
	name string
	rate float64 // messages per second
	acts []act   // one after the other
	// late is how long after the last kill of the homeserver messages may appear
	// that it had taken in before.
	late time.Duration
	// patience bounds the wait for the last message.
	patience time.Duration
}

// act is a time in which things break.
type act struct {
	takes time.Duration // about, and longer when servers start slowly

	// The numbers of kills.
	steg, homeserver, mattermost int
	// The numbers of breaks of a connection, named after who opens it: Steg's to the
	// homeserver, the homeserver's to Steg, Steg's to Mattermost.
	cutHomeserver, cutSteg, cutMattermost int

	// half is the half of the portals that is used: 1 or 2, 0 is all.
	half int
	// oneWay lets only teachers write into the one portal and only pupils into the
	// next one.
	oneWay bool
	// settled begins it when everything has crossed.
	settled bool
}

// Dendrite 0.15.2 may bring a message into its room only when its queues deliver
// it again: 30 seconds after its restart, or 5 minutes and 15 seconds. Steg waits
// for the latter only where it must: with a message of which it does not know
// whether Dendrite has it, in a room in which others have written since. See
// core/matrix/trust.go.
const (
	soonAgain = 32 * time.Second
	lateAgain = 5*time.Minute + 20*time.Second
)

// plans are what is done on a homeserver.
func plans(kind world.Kind) []plan {
	if !worldtest.Long() {
		return []plan{short(kind)}
	}
	kills := act{takes: 45 * time.Second, steg: 20, homeserver: 5, mattermost: 5}
	cuts := act{takes: 30 * time.Second, cutHomeserver: 20, cutSteg: 20, cutMattermost: 20}
	both := kills
	both.cutHomeserver, both.cutSteg, both.cutMattermost = cuts.cutHomeserver, cuts.cutSteg, cuts.cutMattermost
	long := []plan{
		{name: "kills", acts: []act{kills}}, {name: "cuts", acts: []act{cuts}}, {name: "kills and cuts", acts: []act{both}},
	}
	for i := range long {
		long[i].rate, long[i].patience = 30, 4*time.Minute
		if kind == world.Dendrite {
			long[i].late, long[i].patience = lateAgain, 10*time.Minute
		}
	}
	return long
}

// short is what everybody has time for.
func short(kind world.Kind) plan {
	if kind == world.Synapse { // which takes longer to start
		return plan{name: "short", rate: 20, patience: 3 * time.Minute, acts: []act{{
			takes: 8 * time.Second, steg: 4, homeserver: 1, mattermost: 1, cutHomeserver: 2, cutSteg: 2, cutMattermost: 2,
		}}}
	}
	// Where only one side writes, and Steg remembers what it has sent, it need not
	// wait for minutes after Dendrite was killed. So that comes last, in the half of
	// the portals that the rest left alone. On a machine that is short of time a
	// message may come into doubt all the same: patience is more than lateAgain.
	return plan{name: "short", rate: 20, patience: 8 * time.Minute, late: soonAgain, acts: []act{
		{takes: 15 * time.Second, steg: 6, mattermost: 2, cutSteg: 4, cutMattermost: 4, half: 2},
		{takes: 6 * time.Second, homeserver: 2, half: 1, oneWay: true, settled: true},
	}}
}

// chats are those that an act uses.
func (a act) chats(all []check.Chat) []check.Chat {
	switch a.half {
	case 1:
		return all[:len(all)/2]
	case 2:
		return all[len(all)/2:]
	}
	return all
}

// proxied reports whether the plan cuts connections.
func (p plan) proxied() bool {
	for _, a := range p.acts {
		if a.cutHomeserver+a.cutSteg+a.cutMattermost > 0 {
			return true
		}
	}
	return false
}
