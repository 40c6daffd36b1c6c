package matrix_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

func TestAvatarAddresses(t *testing.T) {
	t.Parallel()
	public := func(o *matrix.Options) { o.PublicURL = "https://steg.example/" }
	s := offline(t, public)
	url := s.AvatarURL("mxc://school.example/abc")
	if !strings.HasPrefix(url, "https://steg.example/_steg/avatar/") || strings.Contains(url, "abc") {
		t.Errorf("%s", url)
	}
	if offline(t, public).AvatarURL("mxc://school.example/abc") != url {
		t.Error("differs after a restart")
	}
	other := offline(t, public, func(o *matrix.Options) { o.AvatarSecret[0] = 1 })
	if other.AvatarURL("mxc://school.example/abc") == url {
		t.Error("does not depend on the secret")
	}
	for _, mxc := range []string{"", "mxc://", "https://evil.example/x", "mxc://a/" + strings.Repeat("x", 300)} {
		if got := s.AvatarURL(mxc); got != "" {
			t.Errorf("%q became %s", mxc, got)
		}
	}
	if got := offline(t).AvatarURL("mxc://school.example/abc"); got != "" {
		t.Errorf("without public URL: %s", got)
	}
}

func TestAvatarProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite, func(o *matrix.Options) { o.PublicURL = "http://steg.example" })
	if err := w.EnsureGhost(t.Context(), w.Bot()); err != nil {
		t.Fatal(err)
	}
	as := httptest.NewServer(w.Handler(w.inbox))
	t.Cleanup(as.Close)
	address := func(mxc string) string { return strings.Replace(w.AvatarURL(mxc), "http://steg.example", as.URL, 1) }
	fetch := func(method, url string) (int, http.Header, []byte) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var body bytes.Buffer
		if _, err := body.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, body.Bytes()
	}
	good := address(w.hs.AddMedia("text/html", png))
	_, header, got := fetch(http.MethodGet, good)
	if !bytes.Equal(got, png) {
		t.Errorf("%d bytes", len(got))
	}
	for name, want := range map[string]string{
		"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Cache-Control": "public, max-age=31536000, immutable",
	} {
		if header.Get(name) != want {
			t.Errorf("%s: %q", name, header.Get(name))
		}
	}
	w.hs.Break(1, "/thumbnail/", matrixtest.Fault{Status: 404, Code: "M_NOT_FOUND"})
	for name, c := range map[string]struct {
		method, url string
		status      int
	}{
		"original where no thumbnail": {"GET", good, 200},
		"head":                        {"HEAD", good, 200},
		"wrong method":                {"POST", good, 404},
		"program":                     {"GET", address(w.hs.AddMedia("image/png", []byte("<svg/>"))), 404},
		"too large":                   {"GET", address(w.hs.AddMedia("image/png", append(bytes.Clone(png), make([]byte, 1<<20)...))), 404},
		"gone":                        {"GET", address("mxc://hs.test/nothing"), 404},
		"changed":                     {"GET", good[:len(good)-1] + "_", 404},
		"guessed":                     {"GET", as.URL + "/_steg/avatar/AAAA", 404},
		"mxc":                         {"GET", as.URL + "/_steg/avatar/mxc:%2F%2Fhs.test%2Fmedia1", 404},
	} {
		if status, _, _ := fetch(c.method, c.url); status != c.status {
			t.Errorf("%s: %d, want %d", name, status, c.status)
		}
	}
	w.hs.Break(2, "/media/", matrixtest.Fault{Status: 503})
	if status, header, _ := fetch(http.MethodGet, good); status != http.StatusServiceUnavailable || header.Get("Cache-Control") != "" {
		t.Errorf("homeserver away: %d", status)
	}
}
