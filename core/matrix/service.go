package matrix

import (
	"fmt"
	"log/slog"
	"net/http"
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
}

// New makes a Service. It does no I/O. The error names everything that is wrong
// with the options.
func New(opts Options) (*Service, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, fmt.Errorf("matrix: %w", err)
	}
	s := &Service{
		names: names{
			server: opts.ServerName,
			prefix: opts.Prefix,
			bot:    id.NewUserID(opts.BotLocalpart, opts.ServerName),
		},
		opts: opts,
		http: &http.Client{Transport: opts.Transport},
		log:  opts.Log,
		now:  opts.Now,
	}
	if opts.SenderLocalpart != "" {
		s.sender = id.NewUserID(opts.SenderLocalpart, opts.ServerName)
	}
	return s, nil
}
