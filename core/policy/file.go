package policy

import (
	"fmt"
	"mime"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxFileName is the length that [FileName] cuts names to, in runes.
const MaxFileName = 120

// maxExtension is how much of a name's end counts as its extension, in bytes.
const maxExtension = 10

// FileName makes a file's name safe to show and to store: no path, no control,
// bidirectional or zero-width characters, no dots at its ends, at most
// [MaxFileName] runes with the extension kept. A name without extension gets the
// usual one of mimeType; an empty one becomes "file".
func FileName(name, mimeType string) string {
	if at := strings.LastIndexAny(name, `/\`); at >= 0 {
		name = name[at+1:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, hidden(r), unicode.IsControl(r) && !unicode.IsSpace(r):
			return -1
		case unicode.IsSpace(r):
			return ' '
		case strings.ContainsRune(`:*?"<>|`, r): // not in a name on every system
			return '_'
		}
		return r
	}, name)
	name = strings.Trim(strings.Join(strings.Fields(name), " "), ". ")
	if name == "" {
		name = "file"
	}
	ext := path.Ext(name)
	if len(ext) < 2 || len(ext) > maxExtension {
		ext = extensions[mimeType]
		name += ext
	}
	stem := []rune(strings.TrimSuffix(name, ext))
	if most := MaxFileName - utf8.RuneCountInString(ext); len(stem) > most {
		return strings.TrimRight(string(stem[:most-1]), ". ") + "…" + ext
	}
	return name
}

// extensions are the usual ones. The table of package mime depends on the machine.
var extensions = map[string]string{ //nolint:gochecknoglobals // a constant table
	"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp", "image/avif": ".avif",
	"audio/ogg": ".ogg", "audio/mpeg": ".mp3", "audio/mp4": ".m4a", "audio/wave": ".wav", "audio/flac": ".flac",
	"audio/webm": ".weba", "audio/aac": ".aac",
	"video/mp4": ".mp4", "video/webm": ".webm", "video/quicktime": ".mov", "video/ogg": ".ogv",
	"application/pdf": ".pdf", "text/plain": ".txt", "application/zip": ".zip",
}

// FileSize writes a length in bytes for people, "" for an unknown one.
func FileSize(n int64) string {
	switch {
	case n <= 0:
		return ""
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.0f KB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

// octets is the type of what no program shows by itself.
const octets = "application/octet-stream"

// harmless are the types beside pictures, sound and video that may be told on as
// they are claimed: what opens them is a program of its own, not the chat.
func harmless(mimeType string) bool {
	switch mimeType {
	case "application/pdf", "application/zip", "application/gzip", "application/x-7z-compressed", "application/json",
		"application/msword", "application/rtf", "text/plain", "text/csv", "text/markdown", "text/calendar":
		return true
	}
	office, ok := strings.CutPrefix(mimeType, "application/vnd.")
	return ok && (strings.HasPrefix(office, "openxmlformats-officedocument.") || strings.HasPrefix(office, "oasis.opendocument.") ||
		strings.HasPrefix(office, "ms-excel") || strings.HasPrefix(office, "ms-powerpoint")) && !strings.ContainsAny(office, "+")
}

// media is the plain type of a claim: lower case, without parameters; "" when it
// is none.
func media(claimed string) string {
	plain, _, err := mime.ParseMediaType(claimed)
	if err != nil {
		return ""
	}
	return plain
}
