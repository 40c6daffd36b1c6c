package mattermost

import (
	"strconv"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
)

// emojiText turns the name of a system emoji ("smile", without colons) into its
// Unicode text. It reports false for a custom emoji and for an unknown name.
// Source: model.SystemEmojis, the table that server and clients use.
func emojiText(name string) (string, bool) {
	sequence, ok := model.SystemEmojis[name]
	if !ok {
		return "", false
	}
	var b strings.Builder
	for point := range strings.SplitSeq(sequence, "-") {
		code, err := strconv.ParseInt(point, 16, 32)
		if err != nil {
			return "", false
		}
		b.WriteRune(rune(code))
	}
	return b.String(), true
}
