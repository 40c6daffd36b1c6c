package bridgetest

import (
	"math"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

// RemotePresence is a [Remote] of a network that shows who is there.
type RemotePresence interface {
	Remote
	// SetPresence lets a person choose what the network shows of them.
	SetPresence(tb testing.TB, user bridge.UserID, p bridge.Presence)
}

func presenceCases() []Case {
	return []Case{
		{Name: "of_people", unless: needPresence, run: presenceOfPeople},
		{Name: "of_many", unless: needPresence, run: presenceOfMany},
		{Name: "of_unknown_people", unless: needPresence, run: presenceOfUnknown},
		{Name: "in_trouble", Needs: []Fault{FaultServer}, unless: needPresence, run: presenceInTrouble},
	}
}

func needPresence(c bridge.Capabilities) string { return unless(c.Presence, "no presence") }

// tryPresence asks once.
func (k *kit) tryPresence(users ...bridge.UserID) (map[bridge.UserID]bridge.Presence, error) {
	k.tb.Helper()
	lister, ok := k.client.(bridge.PresenceLister)
	if !ok {
		k.tb.Fatalf("the client is no PresenceLister")
	}
	ctx, cancel := k.settle()
	defer cancel()
	all, err := lister.Presence(ctx, users)
	return all, k.noted(err)
}

func (k *kit) presence(users ...bridge.UserID) map[bridge.UserID]bridge.Presence {
	k.tb.Helper()
	all, err := k.tryPresence(users...)
	if err != nil {
		k.tb.Fatalf("Presence: %v", err)
	}
	return all
}

func (k *kit) choose(user bridge.UserID, p bridge.Presence) {
	k.tb.Helper()
	r, ok := k.env.Remote.(RemotePresence)
	if !ok {
		k.tb.Fatalf("the driver of a network with presence is no RemotePresence")
	}
	r.SetPresence(k.tb, user, p)
}

// Each kind is told, and told anew when it changes; nobody takes another's.
func presenceOfPeople(k *kit) {
	kim, lou := k.user("Kim"), k.user("Lou")
	k.choose(lou, bridge.PresenceOffline)
	for _, p := range []bridge.Presence{bridge.PresenceOnline, bridge.PresenceAway, bridge.PresenceBusy, bridge.PresenceOffline} {
		k.choose(kim, p)
		k.await("the network tells that a person is "+string(p), func() bool {
			all := k.presence(kim, lou)
			return len(all) == 2 && all[kim] == p && all[lou] == bridge.PresenceOffline
		})
	}
}

// More people than one page of any network we know holds are told in one call.
func presenceOfMany(k *kit) {
	const count = 450
	crowd := k.remote.Crowd(k.tb, k.chat(), count)
	kim := k.user("Kim")
	k.choose(kim, bridge.PresenceBusy)
	all := k.presence(append(crowd, kim)...)
	if len(all) != count+1 {
		k.tb.Errorf("of %d people %d are told", count+1, len(all))
	}
	if all[kim] != bridge.PresenceBusy {
		k.tb.Errorf("the last is %q, want busy", all[kim])
	}
}

// An ID of nobody makes no other's answer fail.
func presenceOfUnknown(k *kit) {
	kim := k.user("Kim")
	k.choose(kim, bridge.PresenceBusy)
	all := k.presence("nobody has this", kim)
	if len(all) != 1 || all[kim] != bridge.PresenceBusy {
		k.tb.Errorf("told are %d people, the known one as %q; want 1 as busy", len(all), all[kim])
	}
	if none := k.presence(); len(none) > 0 {
		k.tb.Errorf("told are %d people, want none", len(none))
	}
}

func presenceInTrouble(k *kit) {
	kim := k.user("Kim")
	k.remote.FailNext(k.tb, math.MaxInt32, FaultServer)
	_, err := k.tryPresence(kim)
	k.remote.FailNext(k.tb, 0, FaultServer)
	if err == nil || bridge.Classify(err) == bridge.ClassPermanent {
		k.tb.Errorf("a server in trouble: %v, want an error that passes", err)
	}
}
