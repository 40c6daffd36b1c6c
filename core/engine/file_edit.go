package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// partsEdited makes the parts of a message what an edit tells: the text is
// replaced where it stands, in an event of its own or as a file's caption; new
// files follow; the parts of files that went are redacted.
func (e *Engine) partsEdited(ctx context.Context, p *store.Portal, it store.Item, a queue.Attempt, ev *bridge.Edit) queue.Outcome {
	parts, err := e.st.LinksByRemote(ctx, p.ID, ev.Target)
	if err != nil {
		return retry(fmt.Errorf("look up parts of edited message: %w", err))
	}
	if len(parts) == 0 {
		return drop(it, policy.DropRemoved)
	}
	text := &event.MessageEventContent{MsgType: event.MsgText}
	if ev.Content != nil {
		c := *ev.Content
		c.RelatesTo = nil
		text = &c
	}
	link := parts[0]
	who, ok := e.editorOf(p, link.Sender, ev.Sender)
	if !ok {
		return drop(it, policy.DropForeign)
	}
	if err := e.mention(ctx, p, link.Room, ev.Mentions, text); err != nil {
		return retry(err)
	}
	link.At, link.Removed = ev.Time, false
	d := &delivery{
		p: p, it: it, a: a, who: who, by: ev.Sender, link: link, mentions: text.Mentions, foreign: true,
		tell: func(why string) error { return e.tellRemote(ctx, p, it, why) },
		to: intent.Send{
			Room: link.Room, Type: event.EventMessage.Type, Marker: intent.Marker{Portal: p.ID}, Time: ev.Time,
		},
	}
	if link.RootEvent != "" {
		d.rel = (&event.RelatesTo{}).SetThread(link.RootEvent, link.Event)
	}
	keep, gone, added := partition(parts, ev.Files)
	if text.Body == "" && len(gone)+len(added) == 0 && !slices.ContainsFunc(keep, isFilePart) {
		return drop(it, policy.DropEmpty)
	}
	edited, textGone, err := e.textEdited(ctx, d, keep, text)
	if errors.Is(err, errNotTheirs) {
		return drop(it, policy.DropForeign)
	}
	if err != nil {
		return e.partFailed(ctx, d, err)
	}
	for n, f := range added {
		if err := e.filePart(ctx, d, partFile(n), f, ""); err != nil {
			return e.partFailed(ctx, d, err)
		}
	}
	gone = append(gone, textGone...)
	for _, part := range gone {
		if err := e.redact(ctx, it, part); err != nil {
			return e.partFailed(ctx, d, err)
		}
	}
	out := delivered(it, append([]store.Link{edited}, d.links...)...)
	out.Done.Removed = gone
	return out
}

// partition sorts parts and files: parts that stay and go, and files without a
// part. files is nil when the network does not tell.
func partition(parts []store.Link, files []bridge.File) (keep, gone []store.Link, added []bridge.File) {
	for _, part := range parts {
		if !isFilePart(part) || files == nil || slices.ContainsFunc(files, func(f bridge.File) bool { return f.ID == part.File }) {
			keep = append(keep, part)
		} else {
			gone = append(gone, part)
		}
	}
	for _, f := range files {
		if !slices.ContainsFunc(parts, func(part store.Link) bool { return part.File == f.ID }) {
			added = append(added, f)
		}
	}
	return keep, gone, added
}

func isFilePart(part store.Link) bool { return part.File != "" }

// maxFallback is how long the formatted body may be, in bytes, that an edit shows in
// apps that know no edits.
const maxFallback = 10_000

// textEdited replaces the text of a message among its parts. It returns the row
// of the edit, and the text's part when there is no text any more.
func (e *Engine) textEdited(ctx context.Context, d *delivery, keep []store.Link, text *event.MessageEventContent) (row store.Link, gone []store.Link, err error) {
	row = other(d.p, d.it, "", d.who.as)
	bearer, content := store.Link{}, text
	if at := slices.IndexFunc(keep, func(part store.Link) bool { return !isFilePart(part) }); at >= 0 {
		if text.Body == "" {
			return row, keep[at : at+1], nil
		}
		bearer = keep[at]
	} else if bearer, content, err = e.captionBearer(ctx, d, keep, text); err != nil {
		return row, nil, err
	}
	if bearer.Event == "" {
		if text.Body == "" {
			return row, nil, nil
		}
		return row, nil, e.part(ctx, d, partCaption, "", text)
	}
	c := *content
	c.Mentions = d.mentions
	c.SetEdit(bearer.Event)
	c.Mentions = &event.Mentions{} // an edit alerts nobody anew
	if len(c.FormattedBody) > maxFallback {
		c.Format, c.FormattedBody = "", "" // it would be in the event twice
	}
	row.Sender = bearer.Sender
	row.Event, err = e.replace(ctx, d, bearer.Sender, &c)
	d.landed = d.landed || err == nil
	return row, nil, err
}

// errNotTheirs says that only who has sent an event may change it, and cannot.
var errNotTheirs = errors.New("only its sender may change this event")

// replace sends the new content of an event that sender has sent, once.
func (e *Engine) replace(ctx context.Context, d *delivery, sender id.UserID, content *event.MessageEventContent) (id.EventID, error) {
	who, ok := e.editorOf(d.p, sender, d.by)
	if !ok {
		return "", errNotTheirs
	}
	s := d.at(partText)
	s.Content = content
	who.mark(&s, d.it)
	ev, err := e.send(ctx, d.a, d.it, s)
	if who.own && bridge.Classify(err) == bridge.ClassPermanent {
		return "", errNotTheirs
	}
	return ev, err
}

// captionBearer finds the file whose caption the text is, and its event with the
// text in it; none when all files are gone or only notices stand for them.
func (e *Engine) captionBearer(ctx context.Context, d *delivery, keep []store.Link, text *event.MessageEventContent) (store.Link, *event.MessageEventContent, error) {
	for _, part := range keep {
		raw, err := e.hs.Content(ctx, part.Room, part.Event)
		switch {
		case errors.Is(err, bridge.ErrNotFound):
			if e.waiting(d.it) { // some homeservers show it later
				return part, nil, &bridge.TemporaryError{Err: errTargetUnderWay, After: soon, Unsent: true}
			}
			continue
		case err != nil:
			return part, nil, fmt.Errorf("read edited event: %w", err)
		}
		var content event.MessageEventContent
		if json.Unmarshal(raw, &content) != nil || content.URL == "" {
			continue
		}
		setCaption(&content, text)
		content.RelatesTo, content.NewContent = nil, nil
		return part, &content, nil
	}
	return store.Link{}, nil, nil
}
