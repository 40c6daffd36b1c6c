package matrix

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"github.com/steg-bridge/steg/core/bridge"
)

// readWitness reads whether the witness stands, and only then the notes: those of
// another process of the homeserver may still be there before it is set.
func (s *Service) readWitness(ctx context.Context) (standing, error) {
	var w standing
	var err error
	if w.stands, err = s.witnessTypes(ctx); err != nil || !w.stands {
		return w, err
	}
	var set setNote
	var seen seenNote
	if err := errors.Join(s.readNote(ctx, witnessSet, &set), s.readNote(ctx, witnessSeen, &seen)); err != nil {
		return standing{}, err
	}
	if set.Set != 0 {
		w.set = time.UnixMilli(set.Set)
		w.settled = seen.Settled && seen.Set == set.Set
	}
	if seen.Seen != 0 {
		w.seen = time.UnixMilli(seen.Seen)
	}
	return w, nil
}

// witnessTypes reads who is typing where the witness is, and nothing else. It is only
// in its own room.
func (s *Service) witnessTypes(ctx context.Context) (bool, error) {
	nothing := map[string]any{"not_types": []string{"*"}}
	answer, err := s.do(ctx, request{
		op: "look at the witness", method: http.MethodGet, as: s.witnessUser(), timeout: witnessWait, path: path(clientV3, "sync"),
		query: url.Values{"set_presence": {"offline"}, "filter": {mustFilter(map[string]any{
			"presence": nothing, "account_data": nothing,
			"room": map[string]any{
				"account_data": nothing, "state": nothing,
				"timeline":  map[string]any{"not_types": []string{"*"}, "limit": 1},
				"ephemeral": map[string]any{"types": []string{"m.typing"}},
			},
		})}},
	})
	if err != nil {
		return false, err
	}
	stands := false
	eachRoom(gjson.GetBytes(answer, "rooms.join"), func(_ roomKey, joined gjson.Result) bool {
		users := joined.Get(`ephemeral.events.#(type=="m.typing").content.user_ids`).Array()
		stands = slices.ContainsFunc(users, func(user gjson.Result) bool { return text(user) == string(s.witnessUser()) })
		return !stands
	})
	return stands, nil
}

// readNote reads a note; one that was never written leaves into as it is.
func (s *Service) readNote(ctx context.Context, kind string, into any) error {
	err := s.call(ctx, request{
		op: "read a note of the witness", method: http.MethodGet, as: s.witnessUser(), timeout: witnessWait, path: s.notePath(kind),
	}, into)
	if errors.Is(err, bridge.ErrNotFound) {
		return nil
	}
	return err
}

func (s *Service) notePath(kind string) string {
	return path(clientV3, "user", string(s.witnessUser()), "account_data", kind)
}
