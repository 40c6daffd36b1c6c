package matrix

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"maunium.net/go/mautrix/id"
)

// Service is the connection to one homeserver. Its methods may be called from
// many goroutines. [Service.Run] takes in what the homeserver tells; all other
// methods work without it.
type Service struct {
	names
	opts Options
	http *http.Client
	log  *slog.Logger
	now  func() time.Time

	authorization string // header of every request but those as people
	registered    *recent[id.UserID, struct{}]
	joined        *recent[membership, struct{}]
	sent          *recent[id.RoomID, sentEvent] // last event of ours that a room has
	stirred       *recent[string, time.Time]    // by marker: see [Service.stir]
	unsure        *recent[string, time.Time]    // by marker: when a send began that may have had its effect
	creating      *keyLock                      // one CreateRoom per alias
	sealer        *sealer
	trust         trust
	witness       witness
	doubt         doubt
	reach         reach
	pushesTyping  atomic.Bool // the homeserver's transactions have a place for it
	uploads       uploadLimit
}

// remembered bounds what is known to be registered and joined: a few megabytes.
const remembered = 1 << 15

// New makes a Service. It does no I/O. The error names everything that is wrong
// with the options.
func New(opts Options) (*Service, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, fmt.Errorf("matrix: %w", err)
	}
	sealer, err := newSealer(opts.AvatarSecret)
	if err != nil {
		return nil, fmt.Errorf("matrix: %w", err)
	}
	s := &Service{
		names: names{
			server: opts.ServerName,
			prefix: opts.Prefix,
			bot:    id.NewUserID(opts.BotLocalpart, opts.ServerName),
		},
		opts: opts,
		http: &http.Client{
			Transport: opts.Transport,
			// A redirect would lose the method, or the token.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		log: opts.Log,
		now: opts.Now,

		authorization: "Bearer " + opts.ASToken,
		registered:    newRecent[id.UserID, struct{}](remembered),
		joined:        newRecent[membership, struct{}](remembered),
		sent:          newRecent[id.RoomID, sentEvent](remembered),
		stirred:       newRecent[string, time.Time](remembered),
		unsure:        newRecent[string, time.Time](remembered),
		creating:      newKeyLock(),
		sealer:        sealer,
		trust:         trust{started: opts.Now()},
		reach:         newReach(),
		witness:       witness{turn: make(chan struct{}, 1)},
	}
	if opts.SenderLocalpart != "" {
		s.sender = id.NewUserID(opts.SenderLocalpart, opts.ServerName)
	}
	return s, nil
}
