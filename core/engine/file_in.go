package engine

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
)

// partsIn sends a message: text and a single file as one event with a caption,
// everything else as the text, if there is one, followed by the files.
func (e *Engine) partsIn(ctx context.Context, d *delivery, text *event.MessageEventContent, files []bridge.File) queue.Outcome {
	lost := "" // why the only file cannot cross, found out already
	if text.Body != "" && text.MsgType == event.MsgText && len(files) == 1 {
		done, why, err := e.captioned(ctx, d, text, files[0])
		if err != nil {
			return e.partFailed(ctx, d, err)
		}
		if done {
			return delivered(d.it, d.links...)
		}
		lost = why
	} else if text.Body != "" {
		if err := e.part(ctx, d, partText, "", text); err != nil {
			return e.partFailed(ctx, d, err)
		}
	}
	for n, f := range files {
		if err := e.filePart(ctx, d, partFile(n), f, lost); err != nil {
			return e.partFailed(ctx, d, err)
		}
	}
	return delivered(d.it, d.links...)
}

// captioned sends text and file as one event. When the file cannot cross, which
// why tells, or an earlier attempt found so, the text alone is there after it.
func (e *Engine) captioned(ctx context.Context, d *delivery, text *event.MessageEventContent, f bridge.File) (done bool, why string, err error) {
	if done, err = e.lookPart(ctx, d, partCaption, f.ID); done || err != nil {
		return done, "", err
	}
	if ok, err := e.lookPart(ctx, d, partText, ""); ok || err != nil {
		return false, "", err
	}
	content, why, err := e.carryIn(ctx, d, f)
	switch {
	case err != nil:
		return false, "", err
	case why != "":
		return false, why, e.sendPart(ctx, d, partText, "", text)
	}
	setCaption(content, text)
	return true, "", e.sendPart(ctx, d, partCaption, f.ID, content)
}

// filePart sends one file as an event of its own unless it is there; in place of
// one that cannot cross, a notice. lost tells why when that is known already.
func (e *Engine) filePart(ctx context.Context, d *delivery, name string, f bridge.File, lost string) error {
	if ok, err := e.lookPart(ctx, d, name, f.ID); ok || err != nil {
		return err
	}
	var content *event.MessageEventContent
	if lost == "" {
		var err error
		if content, lost, err = e.carryIn(ctx, d, f); err != nil {
			return err
		}
	}
	if lost != "" {
		content = &event.MessageEventContent{MsgType: event.MsgNotice, Body: e.missing(d.p, f, lost)}
	}
	return e.sendPart(ctx, d, name, f.ID, content)
}

// setCaption gives a file's event a text; without one its body is its name.
func setCaption(file, text *event.MessageEventContent) {
	file.Body, file.Format, file.FormattedBody = file.FileName, "", ""
	if text != nil && text.Body != "" {
		file.Body, file.Format, file.FormattedBody = text.Body, text.Format, text.FormattedBody
	}
}

// carryIn copies a file from the network to the homeserver, as a stream, and
// returns its event without caption. Uploading twice is harmless. why is set when
// the file can never cross; an error means another attempt, of which nothing has
// landed.
func (e *Engine) carryIn(ctx context.Context, d *delivery, f bridge.File) (content *event.MessageEventContent, why string, err error) {
	l, err := e.loginOf(ctx, d.p)
	if err != nil {
		return nil, "", err
	}
	opener, ok := l.client.(bridge.FileOpener)
	if !ok {
		return nil, fileUnsupported, nil
	}
	network := func() error { _, err := l.client.Chat(ctx, d.p.Chat); return err }
	homeserver := func() error { _, err := e.hs.Encrypted(ctx, d.to.Room); return err }
	if !e.transfers.begin() {
		return nil, "", busy()
	}
	defer e.transfers.end()
	limit, err := e.hs.UploadLimit(ctx)
	if err != nil {
		if t, ok := errors.AsType[*bridge.TemporaryError](err); (ok && t.Shared) || ctx.Err() != nil {
			return nil, "", alone(err)
		}
		limit = 0 // it does not tell; it will say so when it gets too much
	}
	if over(f.Size, limit) {
		return nil, fileTooLarge, nil
	}
	body, told, err := opener.OpenFile(ctx, d.p.Chat, f.ID)
	if err != nil {
		why, err := e.fileFailed(d.it, fmt.Errorf("open file: %w", err), network)
		return nil, why, err
	}
	defer body.Close() //nolint:errcheck // read only
	size, ok := agreed(f.Size, told)
	switch {
	case !ok:
		return nil, fileDamaged, nil
	case over(size, limit):
		return nil, fileTooLarge, nil
	}
	exact := newExactReader(body, size)
	head, err := exact.head(policy.SniffLen)
	if err != nil {
		why, err := e.fileFailed(d.it, fmt.Errorf("read file: %w", err), network)
		return nil, why, err
	}
	kind, mimeType := policy.FileType(f.Type, head)
	as := d.who.as
	if d.who.own {
		as = e.hs.Bot() // nothing is put among a person's own files
	}
	mxc, err := e.hs.Upload(ctx, intent.Upload{As: as, Type: mimeType, Body: exact, Size: size})
	if broke := exact.cause(); broke != nil { // whatever the homeserver made of it
		why, err := e.fileFailed(d.it, fmt.Errorf("read file: %w", broke), network)
		return nil, why, err
	}
	if err != nil {
		why, err := e.fileFailed(d.it, err, homeserver)
		return nil, why, err
	}
	e.transfers.forget(d.it)
	f.Size = max(size, 0)
	return fileContent(kind, mimeType, mxc, f), "", nil
}

// fileContent is the event of a file.
func fileContent(kind policy.FileKind, mimeType, mxc string, f bridge.File) *event.MessageEventContent {
	name := policy.FileName(f.Name, mimeType)
	c := &event.MessageEventContent{
		Body: name, FileName: name, URL: id.ContentURIString(mxc), Info: &event.FileInfo{MimeType: mimeType, Size: int(f.Size)},
	}
	switch kind {
	case policy.FileImage:
		c.MsgType = event.MsgImage
	case policy.FileVideo:
		c.MsgType = event.MsgVideo
	case policy.FileAudio:
		c.MsgType = event.MsgAudio
		if f.Voice {
			c.MSC3245Voice = &event.MSC3245Voice{}
			c.MSC1767Audio = &event.MSC1767Audio{Duration: int(f.Duration.Milliseconds())}
		}
	case policy.FilePlain:
		c.MsgType = event.MsgFile
		return c // no picture, no sound
	}
	if kind != policy.FileAudio {
		c.Info.Width, c.Info.Height = f.Width, f.Height
		c.Info.AnoaBlurhash = policy.Blurhash(f.Preview)
	}
	if kind != policy.FileImage {
		c.Info.Duration = int(f.Duration.Milliseconds())
	}
	return c
}
