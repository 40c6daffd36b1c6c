package mattermost

import (
	"fmt"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
)

// maxAttachments is how much text of a post's attachments crosses, in bytes, as
// much as of a long post; the server takes 800,000 characters.
const maxAttachments = 16000

// attachments writes what a program has attached to a post: boxes of text, in the
// order that the web client shows their parts. Buttons and menus work only there.
// Anybody may set such props: it is read as what the sender wrote.
func attachments(p *model.Post) string {
	var b strings.Builder
	for _, a := range p.Attachments() {
		for _, block := range attachmentBlocks(a) {
			if b.Len()+len(block) > maxAttachments {
				b.WriteString("\n\n…")
				return b.String()
			}
			b.WriteString("\n\n" + block)
		}
	}
	return b.String()
}

// attachmentBlocks writes an attachment: what stands above the box, and the box.
func attachmentBlocks(a *model.MessageAttachment) []string {
	var box []string
	put := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			box = append(box, s)
		}
	}
	put(linkTo(a.AuthorName, a.AuthorLink))
	put(bold(linkTo(a.Title, a.TitleLink)))
	put(a.Text)
	for _, f := range a.Fields {
		put(bold(escapeText(f.Title)) + "\n" + fieldText(f.Value))
	}
	for _, image := range []string{a.ImageURL, a.ThumbURL} {
		if href, ok := allowedLink(image); ok {
			put("<" + linkTarget(href) + ">")
		}
	}
	put(escapeText(a.Footer))
	var blocks []string
	if above := strings.TrimSpace(a.Pretext); above != "" {
		blocks = append(blocks, above)
	}
	if len(box) > 0 {
		blocks = append(blocks, prefix(strings.Join(box, "\n\n"), "> ", "> "))
	}
	if len(blocks) == 0 && a.Fallback != "" {
		blocks = append(blocks, a.Fallback)
	}
	return blocks
}

// linkTo writes plain words as a link if there is an address to go to.
func linkTo(words, address string) string {
	if words = escapeText(strings.TrimSpace(words)); words == "" {
		return ""
	}
	if href, ok := allowedLink(address); ok {
		return "[" + words + "](" + linkTarget(href) + ")"
	}
	return words
}

func bold(markdown string) string {
	if markdown = strings.TrimSpace(markdown); markdown == "" {
		return ""
	}
	return "**" + markdown + "**"
}

// fieldText is the value of a field, which programs give as they please.
func fieldText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64, bool:
		return fmt.Sprint(v)
	}
	return ""
}
