package mattermost

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

// The error ids of the server that mean something to us. It decides by these
// and the status, never by messages, which are translated.
const (
	idPending     = "api.post.deduplicate_create_post.pending"
	idGoneAlready = "api.post.deduplicate_create_post.failed_to_get"
	idBadRoot     = "api.post.create_post.root_id.app_error"
	idTooLong     = "model.post.is_valid.message_length.app_error"
	idPropsLong   = "model.post.is_valid.props.app_error"
	idArchived    = "api.post.create_post.can_not_post_to_deleted.error"
	idNoEmoji     = "app.emoji.get_by_name.no_result"
	idEmojiForm   = "model.reaction.is_valid.emoji_name.app_error"
	idManyEmoji   = "app.reaction.save.save.too_many_reactions"
	idNotAuth     = "api.web_socket_router.not_authenticated.app_error"
)

// pendingPause is how long to wait for a first attempt that still runs.
const pendingPause = time.Second

// callError is a request that failed: what was tried and what the server said,
// in ids and numbers only.
type callError struct {
	op     string
	status int    // 0: there was no (whole) answer
	id     string // the server's error id, "" when a proxy or nobody answered
	after  time.Duration
	cause  error
	unsent bool // no connection came about, or a limit refused the request unread
}

func (e *callError) Error() string {
	switch {
	case e.status == 0:
		return fmt.Sprintf("%s: %v", e.op, e.cause)
	case e.id == "":
		return fmt.Sprintf("%s: status %d", e.op, e.status)
	}
	return fmt.Sprintf("%s: status %d, %s", e.op, e.status, e.id)
}

func (e *callError) Unwrap() error { return e.cause }

func newCallError(op string, resp *http.Response, err error) *callError {
	if resp == nil {
		dial, ok := errors.AsType[*net.OpError](err)
		return &callError{op: op, cause: networkCause(err), unsent: ok && dial.Op == "dial"}
	}
	e := &callError{op: op, status: resp.StatusCode, unsent: resp.StatusCode == http.StatusTooManyRequests}
	if appErr, ok := errors.AsType[*model.AppError](err); ok {
		e.id = safeID(appErr.Id)
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.after = time.Duration(seconds) * time.Second
	}
	return e
}

// safeID lets only what looks like an error id into a log.
func safeID(id string) string {
	if len(id) > 120 {
		return ""
	}
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' {
			return ""
		}
	}
	return id
}

// networkCause says what broke without the address that Go's errors carry.
func networkCause(err error) error {
	_, isCert := errors.AsType[*tls.CertificateVerificationError](err)
	_, isDNS := errors.AsType[*net.DNSError](err)
	netErr, isNet := errors.AsType[net.Error](err)
	errno, isErrno := errors.AsType[syscall.Errno](err)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded), isNet && netErr.Timeout():
		return errors.New("no answer in time")
	case isCert:
		return errors.New("the server's TLS certificate is not accepted")
	case isDNS:
		return errors.New("the server's name cannot be resolved")
	case isErrno:
		return errno
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection ended before the answer")
	}
	return errors.New("network error")
}

// classify turns a failed request into the contract's errors. It is the only
// code that knows the server's statuses and ids. What 401 and 403 mean takes
// more than their look, see [client.explain]; here they are taken at their word.
func classify(err error) error {
	e, ok := errors.AsType[*callError](err)
	if !ok {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case e.status == 0, e.status == http.StatusBadGateway, e.status == http.StatusServiceUnavailable,
		e.status == http.StatusGatewayTimeout, e.status == http.StatusTooManyRequests, e.status >= 500 && e.id == "":
		return &bridge.TemporaryError{Err: err, After: e.after, Shared: true, Unsent: e.unsent}
	case e.id == idPending:
		return &bridge.TemporaryError{Err: err, After: pendingPause}
	case e.status >= 300 && e.status < 400:
		return &bridge.TemporaryError{Err: fmt.Errorf("the server redirects: set url to the address that it redirects to: %w", err), Shared: true}
	case e.status == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w", bridge.ErrLoggedOut, err)
	case e.status == http.StatusForbidden, e.id == idArchived:
		return fmt.Errorf("%w: %w", bridge.ErrForbidden, err)
	case e.id == idNoEmoji, e.id == idEmojiForm, e.status == http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", bridge.ErrUnsupported, err)
	case e.status == http.StatusNotFound:
		return fmt.Errorf("%w: %w", bridge.ErrNotFound, err)
	case e.status == http.StatusRequestEntityTooLarge, e.id == idTooLong, e.id == idPropsLong, e.id == idManyEmoji:
		return fmt.Errorf("%w: %w", bridge.ErrTooLarge, err)
	case e.status >= 400 && e.status < 500:
		return fmt.Errorf("%w: %w", bridge.ErrRejected, err)
	}
	return err
}

// statusOf is the HTTP status of a failed request; 0 when there was no answer.
func statusOf(err error) int {
	if e, ok := errors.AsType[*callError](err); ok {
		return e.status
	}
	return 0
}

// idOf is the server's error id of a failed request, "" when it told none.
func idOf(err error) string {
	if e, ok := errors.AsType[*callError](err); ok {
		return e.id
	}
	return ""
}
