package mattermost

import "testing"

func TestEmojiText(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"smile": "😄", "+1": "👍", "thumbsup": "👍", "flag-ch": "🇨🇭", "heart": "❤️", "+1_dark_skin_tone": "👍🏿",
	} {
		if got, ok := emojiText(name); !ok || got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"", "mattermost", "Smile", "no such emoji"} {
		if got, ok := emojiText(name); ok {
			t.Errorf("%q is %q", name, got)
		}
	}
}
