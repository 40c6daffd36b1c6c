package matrixtest

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Instant is a homeserver that costs next to nothing: it accepts every request
// and remembers none, so that a benchmark measures the application service.
type Instant struct {
	// OnSend, when set, sees every send: the escaped path and the body, which is
	// valid only during the call.
	OnSend func(path string, body []byte)
	// Delay is how long a send takes.
	Delay time.Duration

	sent atomic.Int64
}

// Sent counts the sends.
func (i *Instant) Sent() int64 { return i.sent.Load() }

// ServeHTTP implements [http.Handler].
func (i *Instant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	header := w.Header()
	header["Content-Type"] = jsonType
	if r.Method == http.MethodPut && strings.Contains(path, "/send/") {
		i.send(w, r, path)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	switch {
	case strings.HasSuffix(path, "/sync"):
		if r.URL.Query().Get("since") != "" {
			<-r.Context().Done() // a long poll without news
			return
		}
		_, _ = io.WriteString(w, `{"next_batch":"s1"}`)
	case strings.HasSuffix(path, "/versions"):
		_, _ = io.WriteString(w, `{"versions":["v1.2"]}`)
	case strings.HasSuffix(path, "/createRoom"), strings.Contains(path, "/join"):
		_, _ = io.WriteString(w, `{"room_id":"!instant:hs.test"}`)
	case strings.HasSuffix(path, "/messages"), strings.HasSuffix(path, "/members"):
		_, _ = io.WriteString(w, `{"chunk":[]}`)
	default:
		_, _ = io.WriteString(w, `{"event_id":"$instant"}`)
	}
}

var jsonType = []string{"application/json"}

func (i *Instant) send(w http.ResponseWriter, r *http.Request, path string) {
	if i.OnSend != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		i.OnSend(path, body)
	} else {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	if i.Delay > 0 {
		timer := time.NewTimer(i.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	n := i.sent.Add(1)
	buf := make([]byte, 0, 48)
	buf = append(buf, `{"event_id":"$instant`...)
	buf = strconv.AppendInt(buf, n, 10)
	buf = append(buf, `"}`...)
	_, _ = w.Write(buf)
}
