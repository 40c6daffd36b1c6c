package bridge_test

import (
	"errors"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

type settings struct {
	URL   string
	Limit int
}

var errURL = errors.New("url is empty: set it")

func (s *settings) Validate() error {
	if s.URL == "" {
		return errURL
	}
	return nil
}

type configured struct {
	bridge.Bridge

	settings settings
	id       bridge.ID
}

func define(openErr error) bridge.Definition {
	return bridge.Define("kind", "Name", "url: https://…\n",
		func() *settings { return &settings{Limit: 5} },
		func(s *settings, d bridge.Deps) (bridge.Bridge, error) {
			return &configured{settings: *s, id: d.ID}, openErr
		})
}

func TestDefine(t *testing.T) {
	t.Parallel()
	d := define(nil)
	if d.Kind != "kind" || d.Name != "Name" || d.Example == "" {
		t.Errorf("Definition is %+v", d)
	}
	b, err := d.New(func(into any) error {
		s, ok := into.(*settings)
		if !ok {
			t.Fatalf("decode gets a %T, want the bridge's own *settings", into)
		}
		s.URL = "set"
		return nil
	}, bridge.Deps{ID: "mm"})
	if err != nil {
		t.Fatal(err)
	}
	got, ok := b.(*configured)
	if !ok || got.id != "mm" || got.settings != (settings{URL: "set", Limit: 5}) {
		t.Errorf("opened with %+v, want the decoded settings over the defaults", b)
	}
}

// Defaults are made anew for each bridge: two of a kind share nothing.
func TestDefineSharesNothing(t *testing.T) {
	t.Parallel()
	d := define(nil)
	for _, limit := range []int{5, 5} {
		_, err := d.New(func(into any) error {
			s, ok := into.(*settings)
			if !ok || s.Limit != limit {
				t.Errorf("decode starts from %+v, want the defaults", into)
				return nil
			}
			s.URL, s.Limit = "set", 99
			return nil
		}, bridge.Deps{ID: "mm"})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDefineFails(t *testing.T) {
	t.Parallel()
	errDecode, errOpen := errors.New("line 3: unknown key"), errors.New("open")
	tests := map[string]struct {
		decode, open error
		url          string
		want         error
		text         string
	}{
		"decode":   {decode: errDecode, url: "set", want: errDecode, text: "line 3: unknown key"},
		"validate": {want: errURL, text: "bridge mm: url is empty: set it"},
		"open":     {open: errOpen, url: "set", want: errOpen, text: "open"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := define(tt.open).New(func(into any) error {
				if s, ok := into.(*settings); ok {
					s.URL = tt.url
				}
				return tt.decode
			}, bridge.Deps{ID: "mm"})
			if !errors.Is(err, tt.want) || err.Error() != tt.text {
				t.Errorf("error %v, want %q", err, tt.text)
			}
		})
	}
}
