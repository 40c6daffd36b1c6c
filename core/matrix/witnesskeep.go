package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	// witnessName is the witness's name after the prefix, and its room's. No ghost
	// and no portal is called so: their names have another "_".
	witnessName = "witness"
	// witnessTimeout is longer than any homeserver runs. Typing is not in any way
	// renewed: a renewal could reach another process than the one that was seen.
	witnessTimeout = 10 * 365 * 24 * time.Hour
	// witnessPause is between looks at a witness that stands.
	witnessPause = time.Minute
)

func (n *names) witnessUser() id.UserID { return id.NewUserID(n.prefix+witnessName, n.server) }

// keepWitness sees to it that there is a witness, until ctx ends. A homeserver that
// holds nothing back gets none.
func (s *Service) keepWitness(ctx context.Context) {
	var pause pauser
	failed := false
	for ctx.Err() == nil {
		instant, err := s.learnKind(ctx)
		if instant {
			return
		}
		stands := false
		if err == nil {
			stands, err = s.tendWitness(ctx)
		}
		if err != nil && ctx.Err() == nil {
			// Without it some messages wait longer, and that is all.
			s.log.LogAttrs(ctx, slog.LevelDebug, "no witness", slog.Any("error", err))
		}
		if stands || (failed && err == nil) {
			pause.reset()
		}
		if failed = err != nil; stands && !failed {
			sleep(ctx, witnessPause)
		} else {
			pause.wait(ctx)
		}
	}
}

// tendWitness sets the witness when it does not stand, and notes that it does.
func (s *Service) tendWitness(ctx context.Context) (stands bool, err error) {
	if !acquire(ctx, s.witness.turn) {
		return false, context.Cause(ctx)
	}
	defer release(s.witness.turn)
	if err := s.EnsureGhost(ctx, s.witnessUser()); err != nil {
		return false, err
	}
	if err := s.lookAtWitness(ctx); err != nil {
		return false, err
	}
	switch w := s.witness.saw; {
	case !w.stands:
		return false, s.setWitness(ctx)
	case w.set.IsZero():
		return false, s.writeNote(ctx, witnessSet, setNote{s.setTime(w).UnixMilli()})
	default:
		note := seenNote{Set: w.set.UnixMilli(), Seen: s.now().UnixMilli(), Settled: w.settled}
		s.witness.noted = time.UnixMilli(note.Seen)
		return true, s.writeNote(ctx, witnessSeen, note)
	}
}

// setTime is what is noted as the time of a witness that stands now. The clock may
// have been set back by the power cut that also ended the homeserver and an earlier
// process of ours; what that one sent must not look younger than the witness.
func (s *Service) setTime(w standing) time.Time {
	at := s.now()
	if least := w.seen.Add(2 * witnessPause); !w.seen.IsZero() && !w.seen.Equal(s.witness.noted) && at.Before(least) {
		return least
	}
	return at
}

// setWitness lets the user type. That it does is noted only after it was seen.
func (s *Service) setWitness(ctx context.Context) error {
	if err := s.ensureWitnessRoom(ctx); err != nil {
		return err
	}
	if err := s.writeNote(ctx, witnessSet, setNote{}); err != nil {
		return err
	}
	err := s.call(ctx, request{
		op: "set the witness", method: http.MethodPut, as: s.witnessUser(), timeout: witnessWait,
		path: path(clientV3, "rooms", string(s.witness.room), "typing", string(s.witnessUser())),
		body: map[string]any{"typing": true, "timeout": witnessTimeout.Milliseconds()},
	}, nil)
	if errors.Is(err, bridge.ErrForbidden) || errors.Is(err, bridge.ErrNotFound) {
		s.witness.room = "" // an administrator may have removed it
	}
	return err
}

func (s *Service) writeNote(ctx context.Context, kind string, note any) error {
	return s.call(ctx, request{
		op: "write a note of the witness", method: http.MethodPut, as: s.witnessUser(), timeout: witnessWait, path: s.notePath(kind), body: note,
	}, nil)
}

// ensureWitnessRoom makes the room, once for all time: it is found again by its
// alias. Creating comes first, because a homeserver asks us about an alias that it
// does not find.
func (s *Service) ensureWitnessRoom(ctx context.Context) error {
	if s.witness.room != "" {
		return nil
	}
	var answer struct {
		Room id.RoomID `json:"room_id"`
	}
	err := s.call(ctx, request{
		op: "create the room of the witness", method: http.MethodPost, as: s.witnessUser(), timeout: witnessWait, path: path(clientV3, "createRoom"),
		body: map[string]any{
			"preset": "private_chat", "visibility": "private", "room_version": s.opts.RoomVersion,
			"room_alias_name": s.prefix + witnessName, "creation_content": map[string]any{"m.federate": false},
			"name": "Steg", "topic": "Shows Steg whether the homeserver was restarted. Not for people.",
		},
	}, &answer)
	if hasCode(err, "M_ROOM_IN_USE") {
		answer.Room, err = s.ResolveAlias(ctx, s.AliasFor(witnessName))
	}
	if err == nil && answer.Room == "" {
		err = fmt.Errorf("create the room of the witness: %w", &bridge.TemporaryError{Err: errNotMatrix, Shared: true})
	}
	s.witness.room = answer.Room
	return err
}
