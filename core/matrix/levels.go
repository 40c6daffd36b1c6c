package matrix

import (
	"encoding/json"
	"maps"
	"strconv"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
)

// Power levels as Matrix clients show them.
const (
	levelAdmin     = 100
	levelModerator = 50
)

// levels is the content of m.room.power_levels, with everything that others put
// there.
type levels map[string]any

// newLevels makes the levels of a room of ours. Everything that could take a
// room out of the bot's hands, or hide its text from it, needs an admin.
func newLevels(bot id.UserID, private bool, l intent.Levels) levels {
	invite := levelModerator
	if private {
		invite = levelAdmin
	}
	have := levels{
		"users":          map[string]any{string(bot): levelAdmin},
		"users_default":  0,
		"events_default": 0,
		"state_default":  levelModerator,
		"invite":         invite,
		"kick":           levelModerator,
		"ban":            levelModerator,
		"redact":         levelModerator,
		"notifications":  map[string]any{"room": levelModerator},
		"events": map[string]any{
			"m.room.encryption":         levelAdmin,
			"m.room.tombstone":          levelAdmin,
			"m.room.power_levels":       levelAdmin,
			"m.room.history_visibility": levelAdmin,
			"m.room.server_acl":         levelAdmin,
			"m.room.join_rules":         levelAdmin,
			"m.room.guest_access":       levelAdmin,
			"m.room.canonical_alias":    levelModerator,
			"m.room.name":               levelModerator,
			"m.room.topic":              levelModerator,
			"m.room.avatar":             levelModerator,
			// Everybody may take back their own words, also where writing is locked.
			"m.room.redaction": 0,
		},
	}
	return have.with(l, func(id.UserID) bool { return false })
}

// with returns the levels that l asks for. Entries of others stay; only ghosts
// that no longer need a level lose it. skip names users that must not be listed
// (creators of version 12 rooms).
func (have levels) with(l intent.Levels, ghost func(id.UserID) bool, skip ...id.UserID) levels {
	want := maps.Clone(have)
	want["events_default"] = 0
	if l.WriteLocked {
		want["events_default"] = levelModerator
	}
	users := map[string]any{}
	if old, ok := have["users"].(map[string]any); ok {
		maps.Copy(users, old)
	}
	raise := func(list []id.UserID, to int) {
		for _, user := range list {
			if level, ok := number(users[string(user)]); !ok || level < to {
				users[string(user)] = to
			}
		}
	}
	for user := range users {
		if ghost(id.UserID(user)) {
			delete(users, user)
		}
	}
	if l.WriteLocked {
		raise(l.Speakers, levelModerator)
	}
	raise(l.Moderators, levelModerator)
	raise(l.Admins, levelAdmin)
	for _, user := range skip {
		delete(users, string(user))
	}
	want["users"] = users
	return want
}

// of is a user's level.
func (have levels) of(user id.UserID) int {
	if users, ok := have["users"].(map[string]any); ok {
		if level, ok := number(users[string(user)]); ok {
			return level
		}
	}
	level, _ := number(have["users_default"])
	return level
}

// needed is the level that a state event needs.
func (have levels) needed(typ string) int {
	if events, ok := have["events"].(map[string]any); ok {
		if level, ok := number(events[typ]); ok {
			return level
		}
	}
	if level, ok := number(have["state_default"]); ok {
		return level
	}
	return levelModerator
}

// equal compares by meaning: 50, 50.0 and, in old rooms, "50" are one number.
func (have levels) equal(other levels) bool {
	a, errA := json.Marshal(canonical(map[string]any(have)))
	b, errB := json.Marshal(canonical(map[string]any(other)))
	return errA == nil && errB == nil && string(a) == string(b)
}

func canonical(v any) any {
	if n, ok := number(v); ok {
		return n
	}
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = canonical(v)
	}
	return out
}

// number reads a level. Rooms before version 10 may hold them as text.
func number(v any) (int, bool) {
	switch n := v.(type) {
	case int:
		return n, true
	case float64:
		return int(n), true
	case string:
		level, err := strconv.Atoi(n)
		return level, err == nil
	}
	return 0, false
}
