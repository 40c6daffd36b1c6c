package mattermost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	// The module's own WebSocket client has dead-locks and panics at its edges.
	"github.com/gorilla/websocket"
	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	dialTimeout  = 20 * time.Second
	writeTimeout = 10 * time.Second
	maxFrame     = 16 << 20
)

// frame is what the server pushes: an event, or the reply to an action.
type frame struct {
	Event     string                     `json:"event"`
	Data      map[string]json.RawMessage `json:"data"`
	Broadcast struct {
		ChannelID string `json:"channel_id"`
		UserID    string `json:"user_id"`
	} `json:"broadcast"`
	Seq int64 `json:"seq"`

	Status   string          `json:"status"`
	SeqReply int64           `json:"seq_reply"`
	Error    *model.AppError `json:"error"`
}

// text decodes a string of the event's data, "" when it has none.
func (f *frame) text(key string) string {
	var s string
	if raw, ok := f.Data[key]; ok && json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// nested decodes an object of the event's data, which some events carry as JSON
// text and some as JSON.
func (f *frame) nested(key string, into any) error {
	raw, ok := f.Data[key]
	if !ok {
		return fmt.Errorf("event %s has no %s", safeID(f.Event), key)
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("event %s has an unreadable %s", safeID(f.Event), key)
	}
	return nil
}

// resumption is where a broken connection can be taken up again.
type resumption struct {
	connection string
	next       int64                           // sequence number of the first event not read
	clean      map[bridge.ChatID]bridge.Cursor // channels of which everything read was delivered
}

// socket is one WebSocket. One goroutine reads; ping and close may be called
// from others.
type socket struct {
	conn *websocket.Conn
	idle time.Duration // no frame for so long: dead

	mu  sync.Mutex // serialises writes
	seq int64      // of our actions
}

// dial opens a WebSocket. With from it asks the server to go on where that
// connection broke; the server needs the Authorization header for it.
func (c *client) dial(ctx context.Context, from resumption) (*socket, error) {
	address, err := url.Parse(c.net.cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", errors.New("url cannot be read"))
	}
	address.Scheme = "ws" + strings.TrimPrefix(address.Scheme, "http")
	address.Path = strings.TrimRight(address.Path, "/") + "/api/v4/websocket"
	if from.connection != "" {
		address.RawQuery = url.Values{
			"connection_id":   {from.connection},
			"sequence_number": {strconv.FormatInt(from.next, 10)},
		}.Encode()
	}
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: min(dialTimeout, c.net.cfg.Timeout)}
	conn, resp, err := dialer.DialContext(ctx, address.String(), http.Header{"Authorization": {"Bearer " + c.api.client.AuthToken}})
	if err != nil {
		if resp == nil { // otherwise there was an answer, but not the wanted one
			return nil, newCallError("connect", nil, err)
		}
		_ = resp.Body.Close()
		return nil, newCallError("connect", resp, err)
	}
	conn.SetReadLimit(maxFrame)
	return &socket{conn: conn, idle: c.net.cfg.Keepalive + c.net.cfg.Keepalive/2}, nil
}

// pump reads frames into the inbox until the socket breaks. It does no more, so
// that frames which came together are found together. A socket that stays
// silent, although it is pinged, ends with an error.
func (s *socket) pump(in *inbox) {
	for {
		if err := s.conn.SetReadDeadline(time.Now().Add(s.idle)); err != nil {
			in.fail(newCallError("read from connection", nil, err))
			return
		}
		_, data, err := s.conn.ReadMessage()
		if err != nil {
			in.fail(newCallError("read from connection", nil, err))
			return
		}
		in.put(data)
	}
}

func decodeFrame(data []byte) (*frame, error) {
	var f frame
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, &callError{op: "read from connection", cause: errors.New("a frame that is no JSON")}
	}
	return &f, nil
}

// ping asks the server whether this socket is still logged in. A socket whose
// token was revoked stays open, answers the protocol's pings and tells nothing;
// this action it answers with FAIL.
func (s *socket) ping() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return newCallError("ping", nil, err)
	}
	if err := s.conn.WriteJSON(model.WebSocketRequest{Seq: s.seq, Action: "ping"}); err != nil {
		return newCallError("ping", nil, err)
	}
	return nil
}

// close ends the socket, and a read that waits.
func (s *socket) close() { _ = s.conn.Close() }
