package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	clientV3 = "/_matrix/client/v3"
	clientV1 = "/_matrix/client/v1"
	mediaV3  = "/_matrix/media/v3"

	// maxAnswer bounds an answer of the homeserver in bytes. Member lists and sync
	// answers of big servers reach some megabytes.
	maxAnswer = 64 << 20
)

// request is one call of the client-server API.
type request struct {
	op     string // what is being done, the start of every error text
	method string
	path   string     // escaped, made by path
	as     id.UserID  // who is speaking; "" = the registration's own user
	puppet bool       // as "": the own user of the registration for double puppets
	query  url.Values // besides user_id

	body        any    // marshalled to JSON, unless raw is set
	raw         []byte // the body as it is
	contentType string // of raw and stream; "" = JSON
	// stream is a body of any length, which is read once. The request then has no
	// timeout of its own, but ends when nothing moves any more.
	stream io.Reader
	length int64 // of stream in bytes, -1 when unknown

	timeout time.Duration // 0 = Options.HTTPTimeout
	limit   int64         // of the answer; 0 = maxAnswer
	// slow says that this request may take long by its nature, so that its failure
	// says little about the homeserver.
	slow bool
}

// path joins a prefix and segments, escaping the segments.
func path(prefix string, segments ...string) string {
	var b strings.Builder
	b.Grow(len(prefix) + 96)
	b.WriteString(prefix)
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// call makes one request and decodes the answer, which must be JSON. into may be
// nil.
func (s *Service) call(ctx context.Context, r request, into any) error {
	answer, err := s.do(ctx, r)
	if err != nil {
		return err
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return &bridge.TemporaryError{Err: fmt.Errorf("%s: the answer has an unexpected shape", r.op)}
	}
	return nil
}

// do makes one request and returns the answer of a success. It is known to be
// valid JSON, of any depth.
func (s *Service) do(ctx context.Context, r request) ([]byte, error) {
	status, header, answer, err := s.roundTrip(ctx, r)
	if err != nil {
		return nil, err
	}
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		s.reach.away.Store(true)
		switch {
		case r.slow:
		case status == http.StatusGatewayTimeout:
			s.silence()
		default:
			s.trouble()
		}
	default:
		s.reach.answered()
	}
	if status/100 != 2 {
		return nil, fmt.Errorf("%s: %w", r.op, s.refused(r, refusal(status, header, answer, s.now())))
	}
	if !gjson.ValidBytes(answer) {
		// A page of something between us and the homeserver.
		return nil, fmt.Errorf("%s: %w", r.op, &bridge.TemporaryError{Err: errNotMatrix, Shared: true})
	}
	return answer, nil
}

// roundTrip makes one request, whatever the answer. The error speaks the
// bridge package's language.
func (s *Service) roundTrip(ctx context.Context, r request) (int, http.Header, []byte, error) {
	timeout, limit := r.timeout, r.limit
	if timeout == 0 {
		timeout = s.opts.HTTPTimeout
	}
	if limit == 0 {
		limit = maxAnswer
	}
	if r.stream != nil {
		return s.streamTrip(ctx, r, limit)
	}
	attempt, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := s.newRequest(attempt, r)
	if err != nil {
		return 0, nil, nil, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.broke(ctx, r, err)
		return 0, nil, nil, fmt.Errorf("%s: %w", r.op, broken(ctx, err))
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := readAll(resp, limit)
	if err != nil {
		s.broke(ctx, r, err)
		return 0, nil, nil, fmt.Errorf("%s: %w", r.op, broken(ctx, err))
	}
	return resp.StatusCode, resp.Header, answer, nil
}

// streamTrip is roundTrip with a body that may be long.
func (s *Service) streamTrip(ctx context.Context, r request, limit int64) (int, http.Header, []byte, error) {
	moving, stall := bridge.WithStall(ctx, s.opts.StallTimeout)
	defer stall.End()
	if source, ok := r.stream.(io.Closer); ok {
		// The HTTP client waits for a read of the body that is under way.
		stop := context.AfterFunc(moving, func() { _ = source.Close() })
		defer stop()
	}
	r.stream = stall.Watch(r.stream)
	req, err := s.newRequest(moving, r)
	if err != nil {
		return 0, nil, nil, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s: %w", r.op, s.cut(ctx, moving, r, err))
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := readAll(resp, limit)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s: %w", r.op, s.cut(ctx, moving, r, err))
	}
	return resp.StatusCode, resp.Header, answer, nil
}

func (s *Service) newRequest(ctx context.Context, r request) (*http.Request, error) {
	authorization, err := s.authorizationOf(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.op, err)
	}
	var body io.Reader
	if r.stream != nil {
		body = io.NopCloser(r.stream)
		if r.length == 0 {
			body = http.NoBody // length 0 with a body would mean an unknown one
		}
	} else if r.raw != nil {
		body = bytes.NewReader(r.raw)
	} else if r.body != nil {
		raw, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("%s: encode the request: %w", r.op, bridge.ErrRejected)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, s.address(r), body)
	if err != nil {
		return nil, fmt.Errorf("%s: make the request: %w", r.op, bridge.ErrRejected)
	}
	if r.stream != nil {
		req.ContentLength = r.length
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("User-Agent", "Steg")
	if body != nil {
		contentType := r.contentType
		if contentType == "" {
			contentType = "application/json"
		}
		req.Header.Set("Content-Type", contentType)
	}
	return req, nil
}

// address joins base, path and query.
func (s *Service) address(r request) string {
	address := s.opts.URL + r.path
	separator := "?"
	if r.as != "" {
		address += "?user_id=" + url.QueryEscape(string(r.as))
		separator = "&"
	}
	if len(r.query) > 0 {
		address += separator + r.query.Encode()
	}
	return address
}

var errAnswerTooLong = errors.New("the answer is too long")

func readAll(resp *http.Response, limit int64) ([]byte, error) {
	var buf bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= limit {
		buf.Grow(int(n) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(resp.Body, limit+1))
	if err == nil && n > limit {
		err = errAnswerTooLong
	}
	return buf.Bytes(), err
}
