package engine

import (
	"context"
	"errors"
	"html"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// Why a file cannot cross, as in reasons after "file.".
const (
	fileTooLarge    = "tooLarge"
	fileNotFound    = "notFound"
	fileDamaged     = "damaged"
	fileEncrypted   = "encrypted"
	fileUnsupported = "unsupported"
	fileRejected    = "rejected"
)

// missing stands in a room in place of a file that cannot cross.
func (e *Engine) missing(p *store.Portal, f bridge.File, why string) string {
	return fileLine(policy.FileName(f.Name, f.Type), f.Size) + ": " + e.words(p)["file."+why]
}

// fileLine names a file for people.
func fileLine(name string, size int64) string {
	line := "\U0001F4CE " + name
	if s := policy.FileSize(size); s != "" {
		line += " (" + s + ")"
	}
	return line
}

// withLine is a text with a line about the file that it lost.
func withLine(text *event.MessageEventContent, line string) *event.MessageEventContent {
	c := *text
	if c.Format == event.FormatHTML && c.FormattedBody != "" {
		c.FormattedBody += "<br>" + html.EscapeString(line)
	}
	c.Body = strings.TrimLeft(c.Body+"\n"+line, "\n")
	return &c
}

// tellFile tells the sender of a Matrix event that it crossed without its file.
func (e *Engine) tellFile(ctx context.Context, p *store.Portal, it store.Item, sender id.UserID, why string) error {
	return e.tellPerson(ctx, p, it, sender, "file.", why)
}

// fileWhy is the word for an error.
func fileWhy(err error) string {
	switch {
	case errors.Is(err, errLength):
		return fileDamaged
	case errors.Is(err, bridge.ErrTooLarge):
		return fileTooLarge
	case errors.Is(err, bridge.ErrNotFound):
		return fileNotFound
	case errors.Is(err, bridge.ErrUnsupported):
		return fileUnsupported
	}
	return fileRejected
}
