package matrixtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/id"
)

// Dialect is whose habits the server has.
type Dialect string

// The dialects.
const (
	Dendrite Dialect = "dendrite"
	Synapse  Dialect = "synapse"
)

// Options is what a [Server] needs to know. Zero values get defaults.
type Options struct {
	Dialect         Dialect // default Dendrite
	ServerName      string  // default "hs.test"
	ASToken         string  // default "as-token"
	HSToken         string  // default "hs-token"
	PuppetToken     string  // of a second registration for all local users; "" = there is none
	ID              string  // of the registration; default "steg"
	SenderLocalpart string  // default "_steg_as-test"
	BotLocalpart    string  // default "steg"
	Prefix          string  // of the exclusive namespaces; default "_steg_"
	Now             func() time.Time
	// RetryPause is how long a failed transaction waits; default 5 ms.
	RetryPause time.Duration
	// Transport reaches the application service; default http.DefaultTransport.
	Transport http.RoundTripper
}

func (o Options) withDefaults() Options {
	def := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	if o.Dialect == "" {
		o.Dialect = Dendrite
	}
	def(&o.ServerName, "hs.test")
	def(&o.ASToken, "as-token")
	def(&o.HSToken, "hs-token")
	def(&o.ID, "steg")
	def(&o.SenderLocalpart, "_steg_as-test")
	def(&o.BotLocalpart, "steg")
	def(&o.Prefix, "_steg_")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RetryPause == 0 {
		o.RetryPause = 5 * time.Millisecond
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	return o
}

// Server is a homeserver. It is an [http.Handler]; [Start] also listens.
type Server struct {
	Options
	URL string // set by Start

	mux    *http.ServeMux
	listen *httptest.Server
	done   chan struct{}
	work   sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed and renewed whenever an event is added
	users   map[id.UserID]*user
	rooms   map[id.RoomID]*room
	aliases map[id.RoomAlias]id.RoomID
	events  map[id.EventID]*Event
	txns    map[string]id.EventID
	media   map[string]upload

	maxUpload int64
	oldMedia  bool

	noPresence bool
	stream     int64
	epoch      int64 // tokens of an earlier epoch are unknown
	faults     []*scriptedFault
	seen       []Request
	push       pushState
}

// New makes a server that does not listen. Call Close in the end.
func New(opts Options) *Server {
	s := &Server{
		Options: opts.withDefaults(),
		done:    make(chan struct{}),
		changed: make(chan struct{}),
		users:   map[id.UserID]*user{},
		rooms:   map[id.RoomID]*room{},
		aliases: map[id.RoomAlias]id.RoomID{},
		events:  map[id.EventID]*Event{},
		txns:    map[string]id.EventID{},
		media:   map[string]upload{},
	}
	s.users[s.user(s.SenderLocalpart)] = &user{}
	s.mux = s.routes()
	return s
}

// Start makes a server that listens on a free port of the loopback interface.
func Start(opts Options) *Server {
	s := New(opts)
	s.listen = httptest.NewServer(s)
	s.URL = s.listen.URL
	return s
}

// Close stops pushing and listening.
func (s *Server) Close() {
	close(s.done)
	if s.listen != nil {
		s.listen.CloseClientConnections()
		s.listen.Close()
	}
	s.work.Wait()
}

// Restart forgets what homeservers forget: transaction IDs.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.txns)
}

// ForgetPositions makes every sync token handed out so far invalid, as after a
// restored backup.
func (s *Server) ForgetPositions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
}

func (s *Server) user(local string) id.UserID { return id.NewUserID(local, s.ServerName) }

// reserved tells whether a user is in the application service's namespace.
func (s *Server) reserved(u id.UserID) bool {
	local, server, err := u.Parse()
	return err == nil && server == s.ServerName &&
		(local == s.BotLocalpart || local == s.SenderLocalpart || strings.HasPrefix(local, s.Prefix))
}

// notify wakes long polls and the pusher. Called under the lock.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}
