package matrix

import (
	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"
)

const redactionType = "m.room.redaction"

type roomKey = id.RoomID

// crossingTypes are the events that may cross to a network, or say that a room goes on
// elsewhere.
func crossingTypes() []string {
	return []string{redactionType, "m.room.message", "m.room.encrypted", "m.sticker", "m.reaction", typeTombstone}
}

// wanted are the types that the sync reads now: where there is doubt, all that
// crosses.
func (s *Service) wanted() []string {
	if s.doubt.exists() {
		return crossingTypes()
	}
	return []string{redactionType}
}

// syncFilter lets through only what homeservers do not push: everything else
// would come twice, and wake the long poll. See [doubt] for the exception.
func (s *Service) syncFilter() string {
	nothing := map[string]any{"not_types": []string{"*"}}
	ephemeral := nothing
	if s.opts.Typing && !s.pushesTyping.Load() {
		ephemeral = map[string]any{"types": []string{"m.typing"}}
	}
	return mustFilter(map[string]any{
		"presence":     nothing,
		"account_data": nothing,
		"room": map[string]any{
			"account_data": nothing,
			"state":        nothing,
			"ephemeral":    ephemeral,
			"timeline":     map[string]any{"types": s.wanted(), "limit": 100},
		},
	})
}

// positionFilter lets nothing through: only the position is wanted, and of many
// rooms everything else would take long.
func positionFilter() string {
	nothing := map[string]any{"not_types": []string{"*"}}
	return mustFilter(map[string]any{
		"presence":     nothing,
		"account_data": nothing,
		"room": map[string]any{
			"rooms":        []string{},
			"account_data": nothing, "state": nothing, "ephemeral": nothing,
			"timeline": map[string]any{"not_types": []string{"*"}, "limit": 1},
		},
	})
}

// eachRoom goes through an object of rooms in the order of the answer.
func eachRoom(rooms gjson.Result, do func(room roomKey, value gjson.Result) bool) {
	rooms.ForEach(func(key, value gjson.Result) bool { return do(id.RoomID(key.String()), value) })
}
