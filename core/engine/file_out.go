package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// isFile tells whether a Matrix message is a file.
func isFile(c *event.MessageEventContent) bool {
	switch c.MsgType {
	case event.MsgImage, event.MsgVideo, event.MsgAudio, event.MsgFile:
		return true
	}
	return false
}

// splitFile parts a file's message into the caption, which may be empty, and the
// file. The body is a caption only beside a file name (client-server API, "Media
// captions").
func splitFile(c *event.MessageEventContent) (caption *event.MessageEventContent, f bridge.OutgoingFile) {
	caption = &event.MessageEventContent{MsgType: event.MsgText, Mentions: c.Mentions}
	if text := c.GetCaption(); text != "" {
		caption.Body, caption.Format, caption.FormattedBody = text, c.Format, c.FormattedBody
	}
	if c.Info != nil {
		f.Type = policy.ClaimedType(c.Info.MimeType)
		f.Size, f.Width, f.Height = int64(c.Info.Size), c.Info.Width, c.Info.Height
		f.Duration = time.Duration(c.Info.Duration) * time.Millisecond
	}
	f.Name = policy.FileName(c.GetFileName(), f.Type)
	f.Voice = c.MSC3245Voice != nil
	return caption, f
}

// withoutInfo is the content of a file's event without what it tells of the file,
// which only helps to show it.
func withoutInfo(content json.RawMessage) json.RawMessage { return stripInfo(content, true) }

func stripInfo(content json.RawMessage, edit bool) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(content, &fields) != nil {
		return content
	}
	delete(fields, "info")
	if fresh, ok := fields["m.new_content"]; ok && edit {
		fields["m.new_content"] = stripInfo(fresh, false)
	}
	rest, err := json.Marshal(fields)
	if err != nil {
		return content
	}
	return rest
}

// attachment is the file of an outgoing message on its way.
type attachment struct {
	bridge.OutgoingFile
	failure // of our side of the copy
}

// line names the file where it cannot be.
func (a *attachment) line() string { return fileLine(a.Name, a.Size) }

// attach gives an outgoing message its file. why tells that it never can cross.
func (e *Engine) attach(ctx context.Context, l *login, c *event.MessageEventContent, m *bridge.Outgoing) (a *attachment, why string, err error) {
	_, f := splitFile(c)
	a = &attachment{OutgoingFile: f}
	if !l.caps.Files {
		return a, fileUnsupported, nil
	}
	if c.File != nil {
		return a, fileEncrypted, nil
	}
	uri, err := id.ParseContentURI(string(c.URL))
	if err != nil || uri.IsEmpty() {
		return a, fileRejected, nil
	}
	var limit int64
	if limiter, ok := l.client.(bridge.FileLimiter); ok {
		if limit, err = limiter.FileLimit(ctx); err != nil {
			return a, "", fmt.Errorf("ask for the limit of files: %w", err)
		}
	}
	if over(a.Size, limit) {
		return a, fileTooLarge, nil
	}
	a.Open = func(ctx context.Context) (io.ReadCloser, int64, error) {
		body, size, err := e.hs.Download(ctx, uri.String())
		if err != nil {
			a.set(err)
			return nil, 0, err
		}
		if over(size, limit) {
			_ = body.Close() // nothing was read
			a.Size = size
			err := fmt.Errorf("%w: the network takes %d bytes", bridge.ErrTooLarge, limit)
			a.set(err)
			return nil, 0, err
		}
		return &attachedBody{ReadCloser: body, a: a}, size, nil
	}
	m.Files = []bridge.OutgoingFile{a.OutgoingFile}
	return a, "", nil
}

// attachedBody notes why reading a file fails: the network's client cannot tell
// that from trouble of its own. What fails after the client has closed it says
// nothing: an HTTP client may read on for a moment.
type attachedBody struct {
	io.ReadCloser

	a      *attachment
	closed atomic.Bool
}

func (b *attachedBody) Close() error {
	b.closed.Store(true)
	return b.ReadCloser.Close()
}

func (b *attachedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !b.closed.Load() {
		b.a.set(err)
	}
	return n, err
}

// sendFile sends a message with a file, or, when the file never can cross, without
// it: then a line names the file, and the sender is told.
func (e *Engine) sendFile(ctx context.Context, p *store.Portal, l *login, it store.Item, ev *matrixEvent, m *bridge.Outgoing) (bridge.Receipt, error) {
	a, why, err := e.attach(ctx, l, &ev.message, m)
	if err != nil {
		return bridge.Receipt{}, err
	}
	if why == "" {
		got, refused, err := e.tryFile(ctx, p, l, it, ev, m, a)
		if refused == "" {
			return got, err
		}
		why = refused
	}
	if err := e.tellFile(ctx, p, it, ev.Sender, why); err != nil {
		return bridge.Receipt{}, &bridge.TemporaryError{Err: fmt.Errorf("tell the sender: %w", err), Unsent: true}
	}
	m.Files, m.Content = nil, withLine(m.Content, a.line())
	return l.client.Send(ctx, m)
}

// tryFile sends a message with its file. refused tells that nothing was sent
// because the file never can cross.
func (e *Engine) tryFile(
	ctx context.Context, p *store.Portal, l *login, it store.Item, ev *matrixEvent, m *bridge.Outgoing, a *attachment,
) (got bridge.Receipt, refused string, err error) {
	if !e.transfers.begin() {
		return got, "", busy()
	}
	defer e.transfers.end()
	got, err = l.client.Send(ctx, m)
	switch broke := a.cause(); {
	case err == nil:
		e.transfers.forget(it)
		if len(got.Files) == 0 { // it is there, by now or from before, without the file
			err = e.tellFile(ctx, p, it, ev.Sender, fileRejected)
		}
		return got, "", err
	case broke == nil && errors.Is(err, bridge.ErrFile):
		return got, fileWhy(err), nil
	case broke == nil && errors.Is(err, bridge.ErrStalled):
		// Whichever side stood still; a file that always does so is given up.
		if refused, _ = e.fileFailed(it, err, func() error { _, err := l.client.Chat(ctx, p.Chat); return err }); refused == "" {
			return got, "", err
		}
		m.Uncertain = true
		return got, refused, nil
	case broke == nil && bridge.Classify(err) == bridge.ClassUnknown && e.transfers.note(it) >= e.opts.Limits.UnknownAttempts:
		e.transfers.forget(it)
		m.Uncertain = true // perhaps it was not the file
		return got, fileRejected, nil
	case broke == nil:
		return got, "", err
	}
	// Our own side broke. Another server's files may never come: those are given up.
	uri, _ := id.ParseContentURI(string(ev.message.URL))
	refused, err = e.fileFailed(it, a.cause(), func() error {
		if uri.Homeserver != e.hs.ServerName() {
			return nil
		}
		_, err := e.hs.Encrypted(ctx, p.Room)
		return err
	})
	return got, refused, err
}
