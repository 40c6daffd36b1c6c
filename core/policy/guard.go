package policy

import (
	"strings"

	"maunium.net/go/mautrix/id"
)

// Entitled reports whether a Matrix user may be in the room of a private chat:
// an entry is a user ID or a pattern with one * ("@*:server").
func Entitled(user id.UserID, entries []string) bool {
	for _, e := range entries {
		before, after, wild := strings.Cut(e, "*")
		if !wild {
			if e == string(user) {
				return true
			}
			continue
		}
		u := string(user)
		if len(u) >= len(before)+len(after) && strings.HasPrefix(u, before) && strings.HasSuffix(u, after) &&
			// The part of a pattern before the colon must not reach into the server name.
			!strings.Contains(u[len(before):len(u)-len(after)], ":") {
			return true
		}
	}
	return false
}

// Strangers counts the members who are neither ours nor entitled.
func Strangers(members []id.UserID, entries []string, ours func(id.UserID) bool) int {
	n := 0
	for _, m := range members {
		if !ours(m) && !Entitled(m, entries) {
			n++
		}
	}
	return n
}
