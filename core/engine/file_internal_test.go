package engine

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

type closing struct{ io.Reader }

func (closing) Close() error { return nil }

// A read that fails is our side's trouble, unless the network's client had closed
// the file by then.
func TestAttachedBody(t *testing.T) {
	t.Parallel()
	broke := errors.New("broke")
	for _, closed := range []bool{false, true} {
		a := &attachment{}
		b := &attachedBody{ReadCloser: closing{iotest.ErrReader(broke)}, a: a}
		if closed {
			_ = b.Close() // never fails
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, broke) {
			t.Errorf("Read: %v", err)
		}
		if noted := a.cause() != nil; noted == closed {
			t.Errorf("closed %v, noted %v", closed, noted)
		}
	}
}

func TestExactReader(t *testing.T) {
	t.Parallel()
	broke := errors.New("broke")
	for name, c := range map[string]struct {
		r    io.Reader
		size int64
		want string // what may be read at most
		err  error
	}{
		"exact":       {strings.NewReader("12345"), 5, "12345", nil},
		"byte-wise":   {iotest.OneByteReader(strings.NewReader("12345")), 5, "12345", nil},
		"empty":       {strings.NewReader(""), 0, "", nil},
		"any":         {strings.NewReader("12345"), -1, "12345", nil},
		"short":       {strings.NewReader("123"), 5, "123", errLength},
		"long":        {strings.NewReader("123456"), 5, "", errLength},
		"not empty":   {strings.NewReader("1"), 0, "", errLength},
		"broken":      {io.MultiReader(strings.NewReader("123"), iotest.ErrReader(broke)), 5, "123", broke},
		"broken late": {io.MultiReader(strings.NewReader("12345"), iotest.ErrReader(broke)), 5, "", broke},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExactReader(closing{c.r}, c.size)
			got, err := io.ReadAll(x)
			if string(got) != c.want || !errors.Is(err, c.err) || !errors.Is(x.cause(), c.err) {
				t.Errorf("read %q, %v (%v), want %q, %v", got, err, x.cause(), c.want, c.err)
			}
			if c.err != nil {
				if _, again := x.Read(make([]byte, 1)); !errors.Is(again, c.err) {
					t.Errorf("and then %v", again)
				}
			}
		})
	}
}
