package engine

import (
	"context"
	"errors"
	"fmt"
	"html"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// Why a file cannot cross, as in reasons.
const (
	fileTooLarge    = "fileTooLarge"
	fileNotFound    = "fileNotFound"
	fileDamaged     = "fileDamaged"
	fileEncrypted   = "fileEncrypted"
	fileUnsupported = "fileUnsupported"
	fileRejected    = "fileRejected"
)

// fileReasons are what people read about files, by language and word.
var fileReasons = map[string]map[string]string{ //nolint:gochecknoglobals // a constant table
	"en": {
		"intro":         "Your message reached %s without its file: ",
		fileTooLarge:    "the file is too large.",
		fileNotFound:    "the file no longer exists.",
		fileDamaged:     "the file is damaged: it is not as long as announced.",
		fileEncrypted:   "the file is encrypted, and this room's bridge cannot read encrypted files.",
		fileUnsupported: "files cannot cross.",
		fileRejected:    "the file could not be carried over.",
	},
	"de": {
		"intro":         "Ihre Nachricht hat %s ohne ihre Datei erreicht: ",
		fileTooLarge:    "Die Datei ist zu gross.",
		fileNotFound:    "Die Datei gibt es nicht mehr.",
		fileDamaged:     "Die Datei ist beschädigt: Sie ist nicht so lang wie angekündigt.",
		fileEncrypted:   "Die Datei ist verschlüsselt, und die Brücke dieses Raumes kann Verschlüsseltes nicht lesen.",
		fileUnsupported: "Dateien können nicht übertragen werden.",
		fileRejected:    "Die Datei konnte nicht übertragen werden.",
	},
}

func (e *Engine) fileWords(p *store.Portal) map[string]string {
	if words, ok := fileReasons[e.school(p.School).Language]; ok {
		return words
	}
	return fileReasons["en"]
}

// missing stands in a room in place of a file that cannot cross.
func (e *Engine) missing(p *store.Portal, f bridge.File, why string) string {
	return fileLine(policy.FileName(f.Name, f.Type), f.Size) + ": " + e.fileWords(p)[why]
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
	if e.hs.Ours(sender) {
		return nil // a ghost: its person is told by nobody here
	}
	where := string(p.Bridge)
	if l, ok := e.logins[p.Bridge]; ok {
		where = l.spec.Name
	}
	words := e.fileWords(p)
	return e.notify(ctx, p, it, kindTellMatrix, notice{
		Portal: p.ID, Room: p.Room, To: sender, Text: fmt.Sprintf(words["intro"], where) + words[why],
	})
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
