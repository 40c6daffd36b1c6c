package mattermost

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	refused := &url.Error{Op: "Post", URL: "http://secret.example/api", Err: &net.OpError{
		Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 80}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED),
	}}
	for name, c := range map[string]struct {
		status int
		id     string
		retry  string
		cause  error
		class  bridge.Class
		is     error
		after  time.Duration
		shared bool
		unsent bool
	}{
		"refused":          {cause: refused, class: bridge.ClassTemporary, shared: true, unsent: true},
		"cut":              {cause: io.EOF, class: bridge.ClassTemporary, shared: true},
		"cut in the body":  {cause: io.ErrUnexpectedEOF, class: bridge.ClassTemporary, shared: true},
		"timeout":          {cause: context.DeadlineExceeded, class: bridge.ClassTemporary, shared: true},
		"cancelled":        {cause: context.Canceled, class: bridge.ClassTemporary, is: context.Canceled},
		"rate limit":       {status: 429, retry: "7", class: bridge.ClassTemporary, after: 7 * time.Second, shared: true, unsent: true},
		"bad gateway":      {status: 502, class: bridge.ClassTemporary, shared: true},
		"unavailable":      {status: 503, retry: "3", class: bridge.ClassTemporary, after: 3 * time.Second, shared: true},
		"proxy's 500":      {status: 500, class: bridge.ClassTemporary, shared: true},
		"redirect":         {status: 301, class: bridge.ClassTemporary, shared: true},
		"first runs still": {status: 500, id: idPending, class: bridge.ClassTemporary, after: pendingPause},
		"server's 500":     {status: 500, id: "app.post.save.app_error", class: bridge.ClassUnknown},
		"unauthorized":     {status: 401, id: "api.context.session_expired.app_error", class: bridge.ClassLoggedOut, is: bridge.ErrLoggedOut},
		"forbidden":        {status: 403, id: "api.context.permissions.app_error", class: bridge.ClassPermanent, is: bridge.ErrForbidden},
		"archived":         {status: 400, id: idArchived, class: bridge.ClassPermanent, is: bridge.ErrForbidden},
		"not found":        {status: 404, id: "app.post.get.app_error", class: bridge.ClassPermanent, is: bridge.ErrNotFound},
		"too long":         {status: 400, id: idTooLong, class: bridge.ClassPermanent, is: bridge.ErrTooLarge},
		"body too large":   {status: 413, id: "api.context.request_body_too_large.app_error", class: bridge.ClassPermanent, is: bridge.ErrTooLarge},
		"needs a licence":  {status: 501, id: "api.x.license", class: bridge.ClassPermanent, is: bridge.ErrUnsupported},
		"invalid":          {status: 400, id: "api.context.invalid_param.app_error", class: bridge.ClassPermanent, is: bridge.ErrRejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var resp *http.Response
			cause := c.cause
			if c.status != 0 {
				resp = &http.Response{StatusCode: c.status, Header: http.Header{}}
				if c.retry != "" {
					resp.Header.Set("Retry-After", c.retry)
				}
				cause = errors.New("limit exceeded by kim@school.example")
				if c.id != "" {
					cause = &model.AppError{Id: c.id, Message: "kim@school.example may not", StatusCode: c.status}
				}
			}
			got := classify(newCallError("create post", resp, cause))
			if class := bridge.Classify(got); class != c.class {
				t.Errorf("class %d, want %d: %v", class, c.class, got)
			}
			if c.is != nil && !errors.Is(got, c.is) {
				t.Errorf("%v is not %v", got, c.is)
			}
			temporary, ok := errors.AsType[*bridge.TemporaryError](got)
			if ok && (temporary.After != c.after || temporary.Shared != c.shared || temporary.Unsent != c.unsent) {
				t.Errorf("after %v, shared %v, unsent %v; want %v, %v, %v", temporary.After, temporary.Shared, temporary.Unsent, c.after, c.shared, c.unsent)
			}
			for _, leak := range []string{"kim", "school.example", "secret.example", "192.0.2.7"} {
				if strings.Contains(got.Error(), leak) {
					t.Errorf("the error tells %q: %v", leak, got)
				}
			}
			if !strings.Contains(got.Error(), "create post") && c.class != bridge.ClassTemporary {
				t.Errorf("the error does not tell what was tried: %v", got)
			}
		})
	}
}

func TestSafeID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"app.post.get.app_error": "app.post.get.app_error", "kim@school.example": "", "a b": "", strings.Repeat("a", 200): "", "": "",
	} {
		if got := safeID(in); got != want {
			t.Errorf("safeID(%q) is %q, want %q", in, got, want)
		}
	}
}

// While the database is away the server answers 401 and 403 to good tokens.
func TestDatabaseAwayIsNoVerdict(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	r.server.DatabaseAway(true)
	_, err := r.client.Send(t.Context(), r.out(chat, "k", "text"))
	wantTemporary(t, "Send with a token that the server remembers", err)
	r.restart()
	_, err = r.client.Chat(t.Context(), chat)
	wantTemporary(t, "Chat", err)
	wantTemporary(t, "Run", r.client.Run(t.Context(), r.sink))

	// A token that the server has not seen for long.
	_, fresh := r.server.NewBot("other", r.team)
	r.cfg.Token = fresh
	r.restart()
	_, err = r.client.Send(t.Context(), r.out(chat, "k", "text"))
	wantTemporary(t, "Send with a token that the server does not remember", err)

	r.server.DatabaseAway(false)
	r.cfg.Token = r.token
	r.restart()
	r.send(r.out(chat, "k", "text"))
	r.only(chat)
}

func wantTemporary(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || bridge.Classify(err) != bridge.ClassTemporary {
		t.Errorf("%s: error %v, want a temporary one", what, err)
	}
}

// A refusal says what to do about it.
func TestForbiddenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	kicked, archived := r.linked(), r.linked()
	r.server.Leave(string(kicked), r.bot, r.kim)
	r.server.Archive(string(archived), true)
	for chat, hint := range map[bridge.ChatID]string{kicked: "ask a channel admin to add it", archived: "restore it or unlink it"} {
		_, err := r.client.Send(t.Context(), r.out(chat, "k", "text"))
		if !errors.Is(err, bridge.ErrForbidden) || !strings.Contains(err.Error(), hint) {
			t.Errorf("error %v, want %v with %q", err, bridge.ErrForbidden, hint)
		}
	}
}
