package matrix

import (
	"strconv"
	"strings"
	"time"
)

// position is where the bot's sync stands: the homeserver's token, and when it
// was taken, so that a token which the homeserver forgot still tells how far to
// look back.
type position struct {
	token string
	at    time.Time
}

// String is how the inbox stores it.
func (p position) String() string {
	return strconv.FormatInt(p.at.UnixMilli(), 10) + "|" + p.token
}

func parsePosition(stored string) position {
	at, token, ok := strings.Cut(stored, "|")
	ms, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return position{token: stored}
	}
	return position{token: token, at: time.UnixMilli(ms)}
}
