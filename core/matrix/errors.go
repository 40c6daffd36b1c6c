package matrix

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"github.com/steg-bridge/steg/core/bridge"
)

// ResponseError is a refusal by the homeserver. It is inside the errors of the
// bridge package that this package returns, and carries no text of the server:
// that could repeat names or content.
type ResponseError struct {
	Status int
	Code   string // errcode, "" when the answer did not come from a homeserver
}

func (e *ResponseError) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("answer %d without a Matrix error", e.Status)
	}
	return fmt.Sprintf("homeserver answered %d %s", e.Status, e.Code)
}

var (
	// errNotMatrix: an answer of a proxy, a portal page or another program.
	errNotMatrix = errors.New("the answer did not come from a homeserver: check the homeserver url and what stands in front of it")
	errToken     = errors.New("the homeserver no longer accepts our as_token: is registration.yaml listed in its configuration, and was it restarted?")
	errTimeout   = errors.New("no answer in time")
)

// limitPause is how long to wait when the homeserver is over a limit of its
// operator and does not say for how long.
const limitPause = time.Minute

// refusal turns an answer other than 2xx into an error of the bridge package
// (client-server API, "Standard error response").
func refusal(status int, header http.Header, answer []byte, now time.Time) error {
	re := &ResponseError{Status: status, Code: errcode(answer)}
	temporary := func(after time.Duration, shared bool) error {
		return &bridge.TemporaryError{Err: re, After: after, Shared: shared}
	}
	permanent := func(kind error) error { return fmt.Errorf("%w: %w", kind, re) }

	switch re.Code {
	case "M_LIMIT_EXCEEDED":
		return &bridge.TemporaryError{Err: re, After: retryAfter(header, answer, now), Shared: true, Unsent: true}
	case "M_RESOURCE_LIMIT_EXCEEDED", "M_USER_LIMIT_EXCEEDED":
		return &bridge.TemporaryError{Err: re, After: limitPause, Shared: true, Unsent: true}
	case "M_TOO_LARGE":
		return permanent(bridge.ErrTooLarge)
	case "M_UNKNOWN_TOKEN", "M_MISSING_TOKEN":
		return fmt.Errorf("%w: %w: %w", bridge.ErrLoggedOut, errToken, re)
	case "M_UNRECOGNIZED":
		return permanent(bridge.ErrUnsupported)
	}
	switch {
	case status == http.StatusTooManyRequests:
		return temporary(retryAfter(header, answer, now), true)
	case status == http.StatusRequestEntityTooLarge:
		// Also M_BAD_JSON (Dendrite), and proxies, which give no errcode.
		return permanent(bridge.ErrTooLarge)
	case re.Code == "":
		// A reverse proxy answers 404 or 403 by itself while its backend restarts.
		return &bridge.TemporaryError{Err: fmt.Errorf("%w: %w", errNotMatrix, re), Shared: true}
	case status == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w: %w", bridge.ErrLoggedOut, errToken, re)
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return temporary(retryAfter(header, answer, now), true)
	case status >= http.StatusInternalServerError:
		// One room can make a homeserver fail; the others should not wait for it.
		return temporary(0, false)
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return temporary(0, true)
	case re.Code == "M_NOT_FOUND":
		return permanent(bridge.ErrNotFound)
	case re.Code == "M_FORBIDDEN", status == http.StatusForbidden:
		return permanent(bridge.ErrForbidden)
	case status == http.StatusNotFound:
		return permanent(bridge.ErrNotFound)
	}
	return permanent(bridge.ErrRejected)
}

// broken turns the failure of a round trip into an error without the address
// asked for, which names rooms and people. ctx is the caller's.
func broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &bridge.TemporaryError{Err: plain(err), Shared: true, Unsent: unsent(err)}
}

// unsent tells whether there was no connection, so that nothing was sent.
func unsent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

func plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return errTimeout
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errTimeout
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return errors.New("look up the homeserver's host: " + e.Err)
	}
	return err
}

// hasStatus tells whether err is a refusal with this status and errcode; code ""
// means any.
func hasStatus(err error, status int, code string) bool {
	e, ok := errors.AsType[*ResponseError](err)
	return ok && e.Status == status && (code == "" || e.Code == code)
}

func hasCode(err error, code string) bool {
	e, ok := errors.AsType[*ResponseError](err)
	return ok && e.Code == code
}

// errcode reads the errcode of an answer. One that does not look like one could
// be anything, and errors are logged.
func errcode(answer []byte) string {
	if !gjson.ValidBytes(answer) {
		return ""
	}
	code := gjson.GetBytes(answer, "errcode")
	if code.Type != gjson.String || len(code.Str) > 64 {
		return ""
	}
	for _, r := range code.Str {
		if (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '.' {
			return ""
		}
	}
	return code.Str
}

// retryAfter reads how long to wait: the header (seconds or a date), or
// retry_after_ms of older servers. It is bounded: a clock may be wrong.
func retryAfter(header http.Header, answer []byte, now time.Time) time.Duration {
	var after time.Duration
	if text := header.Get("Retry-After"); text != "" {
		if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
			after = time.Duration(seconds) * time.Second
		} else if at, err := http.ParseTime(text); err == nil {
			after = at.Sub(now)
		}
	} else if gjson.ValidBytes(answer) {
		after = time.Duration(min(gjson.GetBytes(answer, "retry_after_ms").Int(), time.Hour.Milliseconds())) * time.Millisecond
	}
	return min(max(after, 0), time.Hour)
}
