package bridge

import (
	"context"
	"io"
	"time"
)

// File is a file of a message on the network.
type File struct {
	ID   FileID `json:"id"`
	Name string `json:"name,omitempty"` // as the network tells it: not cleaned
	Type string `json:"type,omitempty"` // MIME type as the network claims it; the core looks itself
	Size int64  `json:"size,omitempty"` // bytes; 0 when the network does not tell
	// Width and Height of a picture or video in pixels, 0 when not told.
	Width    int           `json:"width,omitempty"`
	Height   int           `json:"height,omitempty"`
	Duration time.Duration `json:"duration,omitempty"` // of sound or video, 0 when not told
	Voice    bool          `json:"voice,omitempty"`    // a recorded voice message
	// Preview is a JPEG of a few pixels and at most 8 KiB, where the network tells
	// one along with the message.
	Preview []byte `json:"preview,omitempty"`
}

// OutgoingFile is a file on its way to the network.
type OutgoingFile struct {
	Name     string // clean: no path, no control or bidirectional characters; never empty
	Type     string // MIME type, never of active content
	Size     int64  // bytes as the sender's app tells; 0 when it does not. Open knows better
	Width    int    // pixels; 0 when not told
	Height   int
	Duration time.Duration // 0 when not told
	Voice    bool
	// Open streams the content, each time anew; the caller closes it. size is its
	// length in bytes, -1 when unknown. An error, also one of reading, is passed on
	// by Send, wrapped at will.
	Open func(ctx context.Context) (body io.ReadCloser, size int64, err error)
}

// FileOpener lets files cross: from the network by this method, and to it by
// [Outgoing.Files].
type FileOpener interface {
	// OpenFile streams a file of a chat's message. The caller closes it. size is its
	// length in bytes, -1 when unknown. [ErrNotFound] when it is gone.
	OpenFile(ctx context.Context, chat ChatID, id FileID) (body io.ReadCloser, size int64, err error)
}

// FileLimiter tells how large a file may be that goes to the network.
type FileLimiter interface {
	// FileLimit is in bytes, 0 when there is none. The client keeps the answer; the
	// core asks before each file.
	FileLimit(ctx context.Context) (int64, error)
}
