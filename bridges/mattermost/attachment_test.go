package mattermost

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattermost/mattermost/server/public/model"
)

func attached(message string, all ...any) *model.Post {
	p := &model.Post{Message: message}
	p.SetProps(model.StringInterface{"attachments": all})
	return p
}

// What programs attach is read on Matrix as it is on Mattermost, whatever is in it.
func TestAttachments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, c := range map[string]struct {
		post *model.Post
		html string
	}{
		"all parts": {
			attached("Deploy", map[string]any{
				"fallback": "unused", "pretext": "Done **now**", "author_name": "CI", "author_link": "https://ci.example", "title": "Build #7",
				"title_link": "https://ci.example/7", "text": "- one\n- two", "footer": "v1.2", "image_url": "https://ci.example/graph.png",
				"fields":  []any{map[string]any{"title": "Branch", "value": "`main`", "short": true}, map[string]any{"title": "Took", "value": 12}, nil},
				"actions": []any{map[string]any{"name": "Cancel"}}, "color": "#ff0000",
			}),
			`<p>Deploy</p><p>Done <strong>now</strong></p><blockquote><p><a href="https://ci.example">CI</a></p>` +
				`<p><strong><a href="https://ci.example/7">Build #7</a></strong></p><ul><li>one</li><li>two</li></ul>` +
				`<p><strong>Branch</strong><br><code>main</code></p><p><strong>Took</strong><br>12</p>` +
				`<p><a href="https://ci.example/graph.png">https://ci.example/graph.png</a></p><p>v1.2</p></blockquote>`,
		},
		"several": {
			attached("", map[string]any{"text": "a"}, map[string]any{"text": "b"}),
			`<blockquote>a</blockquote><blockquote>b</blockquote>`,
		},
		"bad addresses": {
			attached("", map[string]any{"title": "x", "title_link": "javascript:alert(1)", "author_name": "y", "author_link": "matrix:u/kim:hs", "image_url": "file:///etc/passwd", "thumb_url": "https://matrix.to/#/@kim:hs"}),
			`<blockquote><p>y</p><p><strong>x</strong></p></blockquote>`,
		},
		"markup in names": {
			attached("", map[string]any{"author_name": "*a* @all", "title": "[b](https://x.example)", "title_link": "https://y.example/)*", "footer": "# c\n> d"}),
			"<blockquote><p>*a* @\u200ball</p><p><strong><a href=\"https://y.example/%29%2A\">[b](https://x.example)</a></strong></p><p># c<br>&gt; d</p></blockquote>",
		},
		"code that does not end": {
			attached("after", map[string]any{"text": "```\ncode", "footer": "inside"}, map[string]any{"text": "outside"}),
			"<p>after</p><blockquote><pre><code>code\n\ninside\n</code></pre></blockquote><blockquote>outside</blockquote>",
		},
		"nothing in it": {attached("**only** this", map[string]any{}, "text", nil, map[string]any{"fields": "x"}), "<strong>only</strong> this"},
	} {
		content := r.client.content(c.post, false).Content
		if diff := cmp.Diff(c.html, content.FormattedBody); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The server takes far more than a Matrix event holds.
func TestManyAttachments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var all []any
	for range 1000 {
		all = append(all, map[string]any{"text": strings.Repeat("word ", 100)})
	}
	content := r.client.content(attached("first", all...), false).Content
	if n := len(content.Body); n > maxAttachments+100 || !strings.HasPrefix(content.Body, "first") || !strings.HasSuffix(content.Body, "…") {
		t.Errorf("a body of %d bytes", n)
	}
}

// A person who is mentioned in an attachment is one on Matrix, too.
func TestMentionInAttachment(t *testing.T) {
	t.Parallel()
	if got := textsOf(attached("", map[string]any{"text": "ask @kim"})); len(got) != 1 || len(namesIn(got...)) != 1 {
		t.Errorf("texts with names: %q", got)
	}
}
