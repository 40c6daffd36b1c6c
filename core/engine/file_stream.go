package engine

import (
	"bufio"
	"errors"
	"io"
	"sync"
)

// exactReader is a stream that must have a certain length: one that is shorter or
// longer breaks before its end, so that nobody takes what was read for whole.
type exactReader struct {
	io.Closer // of the stream

	r    *bufio.Reader
	size int64 // -1 = any
	read int64
	failure
}

// failure is why reading broke. An HTTP client may still read a request's body
// for a moment after it has returned, so it is guarded.
type failure struct {
	mu  sync.Mutex
	err error
}

func (f *failure) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *failure) cause() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// errLength says that a file's length lies.
var errLength = errors.New("the file is not as long as announced")

func newExactReader(r io.ReadCloser, size int64) *exactReader {
	return &exactReader{Closer: r, r: bufio.NewReader(r), size: size}
}

// head returns up to n first bytes, which stay in the stream.
func (x *exactReader) head(n int) ([]byte, error) {
	head, err := x.r.Peek(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return head, nil
}

// Read implements [io.Reader].
func (x *exactReader) Read(p []byte) (int, error) {
	n, err := x.next(p)
	if err != nil && !errors.Is(err, io.EOF) {
		x.set(err)
	}
	return n, err
}

func (x *exactReader) next(p []byte) (int, error) {
	if err := x.cause(); err != nil {
		return 0, err
	}
	if x.size >= 0 {
		p = p[:min(int64(len(p)), x.size-x.read)]
	}
	n, err := 0, error(nil)
	if len(p) > 0 {
		n, err = x.r.Read(p)
	}
	x.read += int64(n)
	switch {
	case errors.Is(err, io.EOF) && x.read < x.size:
		return 0, errLength
	case err != nil || x.read != x.size:
		return n, err
	}
	// The last bytes are given only when nothing follows them.
	if _, err := x.r.Peek(1); err == nil {
		return 0, errLength
	} else if !errors.Is(err, io.EOF) {
		return 0, err
	}
	return n, io.EOF
}

// agreed is the length of a file that is announced with one (0 = with none) and
// opened with another (-1 = unknown). It is false when they differ.
func agreed(announced, opened int64) (int64, bool) {
	switch {
	case announced <= 0:
		return max(opened, -1), true
	case opened < 0:
		return announced, true
	}
	return announced, announced == opened
}

// over tells whether a length is over a limit; 0 is none.
func over(size, limit int64) bool { return limit > 0 && size > limit }
