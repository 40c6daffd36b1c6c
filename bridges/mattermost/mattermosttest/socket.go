package mattermosttest

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/mattermost/mattermost/server/public/model"
)

const (
	sendQueue = 256 // events that wait for a socket
	deadQueue = 128 // events written last, kept for a resumption
	holdBack  = 30 * time.Millisecond
)

// event is what is pushed.
type event struct {
	name    model.WebsocketEventType
	data    map[string]any
	channel string
	user    string
}

// frame is an event or a reply on its way through one connection.
type frame struct {
	event *event
	reply *model.WebSocketResponse
	seq   int64
	done  chan struct{} // closed when written or given up
}

// conn is a connection: more than one socket may carry it in turn.
type conn struct {
	s     *Server
	id    string
	user  string
	token string

	mu    sync.Mutex
	ws    *websocket.Conn // nil while broken
	wake  chan struct{}
	queue []frame
	dead  []frame
	next  int64
	held  *frame
	lost  bool
}

func jsonText(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}

// push sends an event to the connections of some users.
func (s *Server) push(ev *event, to func(user string) bool) []chan struct{} {
	s.mu.Lock()
	conns := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	s.faults.mu.Lock()
	twice, reorder := s.faults.twice, s.faults.reorder
	s.faults.mu.Unlock()
	var written []chan struct{}
	for _, c := range conns {
		if !to(c.user) || s.deaf(c) {
			continue
		}
		copies := 1
		if twice {
			copies = 2
		}
		for range copies {
			f := frame{event: ev, done: make(chan struct{})}
			written = append(written, f.done)
			c.enqueue(f, reorder)
		}
	}
	return written
}

func (s *Server) pushPost(name model.WebsocketEventType, p *model.Post) []chan struct{} {
	s.mu.Lock()
	kind := s.channels[p.ChannelId].Type
	s.mu.Unlock()
	data := map[string]any{"post": jsonText(p), "channel_type": kind}
	return s.push(&event{name: name, data: data, channel: p.ChannelId}, s.inChannel(p.ChannelId))
}

// deaf tells whether a connection's token was revoked.
func (s *Server) deaf(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.tokens[c.token]
	return session == nil || session.revoked
}

// enqueue adds a frame. With reorder it keeps each first one back until the next
// has come, or a moment has passed.
func (c *conn) enqueue(f frame, reorder bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.lost:
		close(f.done)
		return
	case reorder && c.held == nil:
		c.held = &f
		time.AfterFunc(holdBack, func() { c.release(f.done) })
		return
	case c.held != nil:
		first := *c.held
		c.held = nil
		c.add(f)
		c.add(first)
	default:
		c.add(f)
	}
	signal(c.wake)
}

// release lets a frame go that was kept back, unless it has gone.
func (c *conn) release(which chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != nil && c.held.done == which {
		c.add(*c.held)
		c.held = nil
		signal(c.wake)
	}
}

// add needs c.mu held.
func (c *conn) add(f frame) {
	if len(c.queue) >= sendQueue {
		close(f.done)
		c.loseLocked()
		return
	}
	c.queue = append(c.queue, f)
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// lose ends a connection for good.
func (c *conn) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loseLocked()
}

func (c *conn) loseLocked() {
	c.lost = true
	if c.ws != nil {
		_ = c.ws.Close()
		c.ws = nil
	}
	for _, f := range c.queue {
		close(f.done)
	}
	c.queue = nil
	signal(c.wake)
}

// cut breaks the socket without a goodbye; the connection can be resumed.
func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ws != nil {
		_ = c.ws.NetConn().Close()
		c.ws = nil
	}
	signal(c.wake)
}

// websocket answers GET websocket.
func (s *Server) websocket(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := s.attach(r, ws)
	c.read(ws)
}

// attach finds the connection that a socket resumes, or makes one.
func (s *Server) attach(r *http.Request, ws *websocket.Conn) *conn {
	seq, _ := strconv.ParseInt(r.URL.Query().Get("sequence_number"), 10, 64) // no number is 0
	s.faults.mu.Lock()
	noResume := s.faults.noResume
	s.faults.mu.Unlock()
	s.mu.Lock()
	old := s.conns[r.URL.Query().Get("connection_id")]
	s.mu.Unlock()
	if old != nil && !noResume && old.user == caller(r) && old.resume(ws, seq) {
		return old
	}
	c := &conn{
		s: s, id: model.NewId(), user: caller(r), token: bearer(r),
		ws: ws, wake: make(chan struct{}, 1),
	}
	c.queue = []frame{{event: hello(c.id), done: make(chan struct{})}}
	s.mu.Lock()
	s.conns[c.id] = c
	s.mu.Unlock()
	c.s.writers.Go(func() { c.write(ws) })
	return c
}

func hello(id string) *event {
	return &event{name: model.WebsocketEventHello, data: map[string]any{"connection_id": id, "server_version": "11.4.0"}}
}

// resume takes the connection up with a new socket. It cannot while the old one
// seems alive, or when too much was missed.
func (c *conn) resume(ws *websocket.Conn, seq int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost || c.ws != nil || seq == 0 || seq > c.next {
		return false
	}
	again := slices.IndexFunc(c.dead, func(f frame) bool { return f.seq == seq })
	if again < 0 && seq != c.next {
		return false
	}
	if again >= 0 {
		for _, f := range c.dead[again:] {
			if _, err := ws.NetConn().Write(appendText(nil, f.encode())); err != nil {
				return false
			}
		}
	}
	c.ws = ws
	c.s.writers.Go(func() { c.write(ws) })
	return true
}

func (f *frame) encode() []byte {
	if f.reply != nil {
		return []byte(jsonText(f.reply))
	}
	return []byte(jsonText(map[string]any{
		"event": f.event.name, "data": f.event.data, "seq": f.seq,
		"broadcast": map[string]any{"channel_id": f.event.channel, "user_id": f.event.user},
	}))
}

// write sends what is queued until the socket breaks. What waits goes out in one
// packet, as from a server that has much to say.
func (c *conn) write(ws *websocket.Conn) {
	for {
		c.mu.Lock()
		if c.ws != ws {
			c.mu.Unlock()
			signal(c.wake) // it may have been meant for the writer of the next socket
			return
		}
		batch := c.queue
		c.queue = nil
		var packet []byte
		for i := range batch {
			if batch[i].event != nil {
				batch[i].seq = c.next
				c.next++
				c.dead = append(c.dead, batch[i])
				c.dead = c.dead[max(0, len(c.dead)-deadQueue):]
			}
			packet = appendText(packet, batch[i].encode())
		}
		c.mu.Unlock()
		if len(batch) == 0 {
			<-c.wake
			continue
		}
		_, err := ws.NetConn().Write(packet)
		for _, f := range batch {
			close(f.done)
		}
		if err != nil {
			c.detach(ws)
			return
		}
	}
}

// appendText appends a WebSocket text message as a server frames it (RFC 6455,
// section 5.2).
func appendText(packet, text []byte) []byte {
	packet = append(packet, 0x81)
	switch n := len(text); {
	case n < 126:
		packet = append(packet, byte(n))
	case n <= math.MaxUint16:
		packet = binary.BigEndian.AppendUint16(append(packet, 126), uint16(n))
	default:
		packet = binary.BigEndian.AppendUint64(append(packet, 127), uint64(n))
	}
	return append(packet, text...)
}

// detach notes that a socket has broken.
func (c *conn) detach(ws *websocket.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ws == ws {
		c.ws = nil
		signal(c.wake)
	}
	_ = ws.Close()
}

// read answers actions until the socket breaks.
func (c *conn) read(ws *websocket.Conn) {
	defer c.detach(ws)
	for {
		var in model.WebSocketRequest
		if err := ws.ReadJSON(&in); err != nil {
			return
		}
		reply := model.NewWebSocketResponse(model.StatusOk, in.Seq, map[string]any{"text": "pong", "server_time": time.Now().UnixMilli()})
		switch {
		case c.s.deaf(c):
			reply = model.NewWebSocketError(in.Seq, refuse(http.StatusUnauthorized, "api.web_socket_router.not_authenticated.app_error"))
		case in.Action != "ping":
			reply = model.NewWebSocketError(in.Seq, refuse(http.StatusInternalServerError, "api.web_socket_router.bad_action.app_error"))
		}
		c.mu.Lock()
		c.queue = append(c.queue, frame{reply: reply, done: make(chan struct{})})
		signal(c.wake)
		c.mu.Unlock()
	}
}

// Cut breaks all sockets of a user without a goodbye.
func (s *Server) Cut(user string) {
	s.mu.Lock()
	var conns []*conn
	for _, c := range s.conns {
		if c.user == user {
			conns = append(conns, c)
		}
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.cut()
	}
}

// Restart makes the server forget what a restarted one forgets: connections,
// which end, and pending_post_ids.
func (s *Server) Restart() {
	s.mu.Lock()
	clear(s.pending)
	var gone []*conn
	for id, c := range s.conns {
		gone = append(gone, c)
		delete(s.conns, id)
	}
	s.mu.Unlock()
	for _, c := range gone {
		c.lose()
	}
}
