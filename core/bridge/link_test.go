package bridge_test

import (
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	chat := func(slug string) string {
		if slug == "gym.market" {
			return `https://x.example/#market&"`
		}
		return ""
	}
	user := func(u bridge.UserID) string {
		if u == `kim&"<@x.example>/` {
			return "https://x.example/kim"
		}
		return ""
	}
	for _, c := range []struct{ html, want string }{
		{"plain <b>text</b>", "plain <b>text</b>"},
		{bridge.ChatLink("gym.market", "~Market"), `<a href="https://x.example/#market&amp;&#34;">~Market</a>`},
		{"see " + bridge.ChatLink("gym.market", "~<b>M</b>") + " &amp; " + bridge.ChatLink("gym.staff", "~Staff") + "!", `see <a href="https://x.example/#market&amp;&#34;">~<b>M</b></a> &amp; ~Staff!`},
		{bridge.UserLink(`kim&"<@x.example>/`, "@Kim") + bridge.UserLink("lou", "@Lou"), `<a href="https://x.example/kim">@Kim</a>@Lou`},
		{bridge.UserLink("gym.market", "@M") + bridge.ChatLink("", "~Nowhere"), "@M~Nowhere"},
		{bridge.ChatLink(`x"><script>`, "~Evil"), "~Evil"},
		{`<a href="steg:chat/gym.market`, `<a href="steg:chat/gym.market`},
		{`<a href="steg:chat/gym.market">no end`, `<a href="steg:chat/gym.market">no end`},
		{`<a href="steg:other/gym.market">other</a>`, `other`},
		{`<a href="steg:chat/%zz">broken</a>`, `broken`},
		{`<a href="https://y.example">y</a>`, `<a href="https://y.example">y</a>`},
	} {
		if got := bridge.ResolveLinks(c.html, chat, user); got != c.want {
			t.Errorf("%s\nbecame %s\nwant   %s", c.html, got, c.want)
		}
	}
}

func TestLinkedRoom(t *testing.T) {
	t.Parallel()
	for href, want := range map[string]string{
		"https://matrix.to/#/#market:hs.example": "#market:hs.example", "https://matrix.to/#/%23market%3Ahs.example?via=hs.example": "#market:hs.example",
		"https://matrix.to/#/!abc:hs.example?via=hs.example&via=x.example": "!abc:hs.example", "HTTPS://MATRIX.TO/#/%21abc": "!abc",
		"matrix:r/market:hs.example": "#market:hs.example", "matrix:roomid/abc:hs.example?via=x": "!abc:hs.example",
		"https://matrix.to/#/@kim:hs.example": "", "https://matrix.to/#/!abc:hs.example/$event": "", "matrix:u/kim:hs.example": "", "https://matrix.to/#/": "",
		"https://evil.example/#/#market:hs.example": "", "https://matrix.to/#/%zz": "", "": "", "matrix:r/": "",
	} {
		if got, ok := bridge.LinkedRoom(href); ok != (want != "") || ok && got != want {
			t.Errorf("%s leads to %q, %v, want %q", href, got, ok, want)
		}
	}
}
