package bridge_test

import (
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
)

func TestChatLinks(t *testing.T) {
	t.Parallel()
	address := func(slug string) string {
		if slug == "gym.market" {
			return "https://x.example/#market"
		}
		return ""
	}
	for _, c := range []struct{ html, want string }{
		{"plain <b>text</b>", "plain <b>text</b>"},
		{bridge.ChatLink("gym.market", "~Market"), `<a href="https://x.example/#market">~Market</a>`},
		{"see " + bridge.ChatLink("gym.market", "~<b>M</b>") + " &amp; " + bridge.ChatLink("gym.staff", "~Staff") + "!", `see <a href="https://x.example/#market">~<b>M</b></a> &amp; ~Staff!`},
		{bridge.ChatLink("gym.market", "a") + bridge.ChatLink("gym.market", "b"), `<a href="https://x.example/#market">a</a><a href="https://x.example/#market">b</a>`},
		{bridge.ChatLink("", "~Nowhere"), "~Nowhere"},
		{bridge.ChatLink(`x"><script>`, "~Evil"), "~Evil"},
		{`<a href="steg:chat/gym.market`, `<a href="steg:chat/gym.market`},
		{`<a href="steg:chat/gym.market">no end`, `<a href="steg:chat/gym.market">no end`},
		{`<a href="https://y.example">y</a>`, `<a href="https://y.example">y</a>`},
	} {
		if got := bridge.ResolveChatLinks(c.html, address); got != c.want {
			t.Errorf("%s\nbecame %s\nwant   %s", c.html, got, c.want)
		}
	}
}
