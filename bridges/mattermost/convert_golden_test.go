package mattermost

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/event"
)

var updateConvert = flag.Bool("update", false, "rewrite the expectations in testdata/convert")

// TestConvertGolden reads testdata/convert: files in-* begin with the section
// markdown and show what Matrix gets and what would go back; files out-* begin
// with html or body and show the post and what would come back from it. A section all
// says that the author may alert everybody.
func TestConvertGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/convert/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 40 {
		t.Fatalf("%d golden files, want at least 40", len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := sections(string(data))
			out := goldenOut(in)
			if strings.HasPrefix(name, "in-") {
				out = goldenIn(in)
			}
			if *updateConvert {
				if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(data), out); diff != "" {
				t.Errorf("changed (-file +now), run with -update if this is right:\n%s", diff)
			}
		})
	}
}

func goldenIn(in map[string]string) string {
	r := convertResolver()
	r.All = in["all"] != ""
	got := toMatrix(in["markdown"], r)
	c := got.Content
	out := section("markdown", in["markdown"])
	if r.All {
		out += section("all", fmt.Sprint("may, does: ", got.All))
	}
	out += section("body", c.Body)
	if c.MsgType != event.MsgText {
		out += section("type", string(c.MsgType))
	}
	if c.FormattedBody != "" {
		out += section("html", strings.ReplaceAll(c.FormattedBody, "><", ">\n<"))
	}
	if len(got.Mentions) > 0 {
		out += section("mentions", fmt.Sprint(got.Mentions))
	}
	return out + section("back", fromMatrix(c, outResolver{All: got.All}))
}

func goldenOut(in map[string]string) string {
	c := &event.MessageEventContent{MsgType: event.MsgText, Body: in["body"]}
	out := ""
	if formatted := in["html"]; formatted != "" {
		c.Format, c.FormattedBody = event.FormatHTML, formatted
		out += section("html", formatted)
	}
	if c.Body != "" {
		out += section("body", c.Body)
	}
	if in["all"] != "" {
		out += section("all", "may")
	}
	if in["type"] != "" {
		c.MsgType = event.MessageType(in["type"])
		out += section("type", in["type"])
	}
	md := fromMatrix(c, convertOut(in["all"] != ""))
	back := toMatrix(md, inResolver{}).Content
	out += section("markdown", md)
	if back.FormattedBody != "" {
		return out + section("back", strings.ReplaceAll(back.FormattedBody, "><", ">\n<"))
	}
	return out + section("back", back.Body)
}

// sections reads "-- name --" lines, each followed by its text. A zero-width
// space reads {ZW}.
func sections(file string) map[string]string {
	out := map[string]string{}
	name := ""
	for line := range strings.Lines(file) {
		if s, ok := strings.CutPrefix(line, "-- "); ok {
			if s, ok = strings.CutSuffix(s, " --\n"); ok {
				name = s
				continue
			}
		}
		out[name] += strings.ReplaceAll(line, "{ZW}", zeroWidth)
	}
	for name := range out {
		out[name] = strings.TrimSuffix(out[name], "\n")
	}
	return out
}

func section(name, text string) string {
	return "-- " + name + " --\n" + strings.ReplaceAll(text, zeroWidth, "{ZW}") + "\n"
}
