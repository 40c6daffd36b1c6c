package policy

import (
	"bytes"
	"net/http"
	"strings"
)

// FileKind is how a chat shows a file.
type FileKind string

// The kinds of files.
const (
	FileImage FileKind = "image"
	FileAudio FileKind = "audio"
	FileVideo FileKind = "video"
	FilePlain FileKind = "file" // a name to click on
)

// SniffLen is how much of a file [FileType] looks at, in bytes.
const SniffLen = 512

// FileType tells how to show a file and its type, by its first bytes. claimed,
// the type that the sender tells, only decides where the bytes fit several. Shown
// as a picture is only what every app shows harmlessly; active content (HTML, SVG,
// scripts) and what is not what it claims to be become [FilePlain] of no type. It
// looks at no more than the head and opens nothing: archives stay closed.
func FileType(claimed string, head []byte) (FileKind, string) {
	head, claimed = head[:min(len(head), SniffLen)], media(claimed)
	found := media(http.DetectContentType(head))
	if container, ok := isoContainer(head); ok {
		found = container
	}
	family, _, _ := strings.Cut(claimed, "/")
	switch found {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif":
		return FileImage, found
	case "audio/mpeg", "audio/wave", "audio/aiff", "audio/midi", "audio/basic", "audio/mp4":
		return FileAudio, found
	case "video/mp4", "video/webm":
		if family == "audio" { // the same container
			return FileAudio, "audio/" + strings.TrimPrefix(found, "video/")
		}
		return FileVideo, found
	case "video/quicktime", "video/3gpp":
		return FileVideo, found
	case "video/avi":
		return FileVideo, "video/x-msvideo"
	case "application/ogg":
		if family == "video" || bytes.Contains(head, []byte("theora")) {
			return FileVideo, "video/ogg"
		}
		return FileAudio, "audio/ogg"
	case octets:
		if kind, typ, ok := bareAudio(claimed, head); ok {
			return kind, typ
		}
		if harmless(claimed) && claimed != "application/pdf" && !strings.HasPrefix(claimed, "text/") {
			return FilePlain, claimed
		}
	case "application/pdf":
		return FilePlain, found
	case "application/zip": // office documents are archives, too
		if harmless(claimed) && strings.HasPrefix(claimed, "application/") {
			return FilePlain, claimed
		}
		return FilePlain, found
	case "text/plain":
		if harmless(claimed) && (strings.HasPrefix(claimed, "text/") || claimed == "application/json") {
			return FilePlain, claimed
		}
	}
	return FilePlain, octets
}

// ClaimedType is the type that a sender claims for a file of which nothing has
// been read, if it is one that [FileType] may answer; otherwise that of plain
// bytes.
func ClaimedType(claimed string) string {
	claimed = media(claimed)
	switch claimed {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif":
		return claimed
	}
	if family, _, _ := strings.Cut(claimed, "/"); family == "audio" || family == "video" || harmless(claimed) {
		return claimed
	}
	return octets
}

// isoContainer tells the type of an ISO base media file, by its brand.
func isoContainer(head []byte) (string, bool) {
	if len(head) < 12 || string(head[4:8]) != "ftyp" {
		return "", false
	}
	switch brand := string(head[8:12]); {
	case brand == "avif", brand == "avis":
		return "image/avif", true
	case brand == "M4A ", brand == "M4B ":
		return "audio/mp4", true
	case brand == "qt  ":
		return "video/quicktime", true
	case strings.HasPrefix(brand, "3gp"):
		return "video/3gpp", true
	case brand == "isom", brand == "iso2", brand == "iso4", brand == "iso5", brand == "iso6", brand == "avc1",
		strings.HasPrefix(brand, "mp4"), brand == "M4V ", brand == "dash", brand == "MSNV":
		return "video/mp4", true
	}
	return octets, true
}

// bareAudio knows sound without a container, which has too short a mark to be
// believed without the claim.
func bareAudio(claimed string, head []byte) (FileKind, string, bool) {
	if bytes.HasPrefix(head, []byte("fLaC")) {
		return FileAudio, "audio/flac", true
	}
	if len(head) < 2 || head[0] != 0xff || head[1]&0xe0 != 0xe0 {
		return "", "", false
	}
	switch claimed {
	case "audio/mpeg", "audio/mp3":
		return FileAudio, "audio/mpeg", true
	case "audio/aac", "audio/x-aac":
		return FileAudio, "audio/aac", true
	}
	return "", "", false
}
