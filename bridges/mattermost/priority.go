package mattermost

import (
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
	"maunium.net/go/mautrix/event"
)

// priorityMark is how a post's priority shows on Matrix, which has none: "" when the
// post has none either. Words would need a language.
func priorityMark(p *model.Post) string {
	if p.Metadata == nil || p.Metadata.Priority == nil || p.Metadata.Priority.Priority == nil {
		return ""
	}
	switch *p.Metadata.Priority.Priority {
	case model.PostPriorityUrgent:
		return "‼️"
	case "important":
		return "❗"
	}
	return ""
}

// markPriority puts a mark before a text, outside its markup.
func markPriority(content *event.MessageEventContent, mark string) {
	if mark == "" {
		return
	}
	content.Body = strings.TrimSpace(mark + " " + content.Body)
	if content.FormattedBody != "" {
		content.FormattedBody = mark + " " + content.FormattedBody
	}
}
