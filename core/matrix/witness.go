package matrix

import (
	"context"
	"time"

	"maunium.net/go/mautrix/id"
)

// The witness shows that Dendrite was not restarted: a user of ours who is typing,
// for ten years, in a room where nobody else is. Dendrite keeps typing in memory
// only, so that the notice lasts exactly as long as its process. Seen on 0.15.2: it
// has no upper limit, shows in the next /sync (3 to 10 ms), was gone after 3 of 3
// kills, also of one a millisecond after it was set, and did not come back in the
// 75 s thereafter. A restart takes Dendrite 0.1 s, which nobody need notice.
//
// That the witness stands says nothing yet about what was sent before it was set.
// So two notes stay beside it in the user's account data, which survives restarts
// and is no event of a room:
//
//   - when it was set. The note is emptied before the witness is set and written
//     after it was seen: a process of which the witness still stands began before
//     that time, and what was first sent later cannot have been lost in a restart;
//   - that it has stood for redeliverPause. Then what an earlier process had left
//     over is due, see [Service.stir].
//
// Steg processes that share the user agree about all of this without talking to
// each other: the time of the note names the witness, and none sets one that stands.
type witness struct {
	turn chan struct{} // who has it may use the rest
	room id.RoomID     // "" = this process has not needed it yet
	// looked is when the last look that succeeded began, saw what it saw, and since
	// when this process has first seen that one.
	looked, since time.Time
	saw           standing
	noted         time.Time // what this process has last noted as seen
}

// standing is what is known of a witness; the zero value is none.
type standing struct {
	stands  bool
	set     time.Time // by then; zero = nobody has noted it
	settled bool      // it has stood for redeliverPause
	seen    time.Time // last time that somebody noted it, by their clock
}

// witnessWait bounds a request: who asks the witness waits for those before.
const witnessWait = 20 * time.Second

// The notes, kinds of account data.
const (
	witnessSet  = "org.steg-bridge.witness.set"
	witnessSeen = "org.steg-bridge.witness.seen"
)

// setNote and seenNote are in milliseconds since 1970. A seenNote counts for the
// witness that was set at Set.
type setNote struct {
	Set int64 `json:"set"`
}

type seenNote struct {
	Set     int64 `json:"set"`
	Seen    int64 `json:"seen"`
	Settled bool  `json:"settled"`
}

// vouches tells whether what was first sent at the given time cannot be held back
// by an earlier process of the homeserver. Clocks of several hosts may differ.
func (w standing) vouches(sent time.Time) bool {
	return w.stands && !w.set.IsZero() && w.set.Add(trustSkew).Before(sent)
}

// witnessed looks at the witness, once for all who ask at the same time. A look that
// began before the question is too old: the homeserver may have been restarted
// meanwhile. One that cannot be read is none.
func (s *Service) witnessed(ctx context.Context) standing {
	asked := s.now()
	if !acquire(ctx, s.witness.turn) {
		return standing{}
	}
	defer release(s.witness.turn)
	if !s.witness.looked.After(asked) {
		if err := s.lookAtWitness(ctx); err != nil {
			return standing{}
		}
	}
	return s.witness.saw
}

// lookAtWitness finds out what there is to know. One that was noted and is gone
// means a restart that nobody may have noticed. Called in turn.
func (s *Service) lookAtWitness(ctx context.Context) error {
	w := &s.witness
	began := s.now()
	now, err := s.readWitness(ctx)
	if err != nil {
		return err
	}
	if now.stands && !now.set.IsZero() && now.set.Equal(w.saw.set) {
		now.settled = now.settled || s.now().Sub(w.since) >= redeliverPause
	} else {
		if w.saw.stands && !w.saw.set.IsZero() {
			s.troubleSince(w.looked)
		}
		w.since = s.now()
	}
	w.looked, w.saw = began, now
	return nil
}
