package transcript_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world/transcript"
)

// said is a conversation with everything that can happen to a message.
func said() []transcript.Line {
	return []transcript.Line{
		{Author: "Anna", Text: "Who comes along?", Root: -1},
		{Author: "Beat", Root: -1, Deleted: true},
		{Author: "Carla", Text: "I do", Root: 0, Edited: true},
		{Author: "Dario", Text: "Me too", Root: 0},
	}
}

func TestBothSidesReadTheSame(t *testing.T) {
	t.Parallel()
	matrix := transcript.OfMatrix([]harness.MatrixMessage{
		{ID: "$1", Sender: "@a:s", Text: "Who comes along?"},
		{ID: "$2", Sender: "@b:s", Redacted: true},
		{ID: "$n", Sender: "@bot:s", Text: "not delivered", Kind: event.MsgNotice},
		{ID: "$3", Sender: "@c:s", Text: "I d", Edits: []string{"I do"}, ReplyTo: "$1"},
		{ID: "$4", Sender: "@d:s", Text: "Me too", Thread: "$1", ReplyTo: "$3"},
	}, map[id.UserID]string{"@a:s": "Anna", "@b:s": "Beat", "@c:s": "Carla", "@d:s": "Dario"})
	if diff := cmp.Diff(said(), matrix); diff != "" {
		t.Errorf("matrix (-want +got):\n%s", diff)
	}

	post := func(number, user, text, root string) transcript.Post {
		return transcript.Post{MattermostPost: harness.MattermostPost{ID: number, UserID: user, Message: text, RootID: root}}
	}
	posts := []transcript.Post{
		post("1", "anna", "Who comes along?", ""), post("2", "beat", "oops", ""),
		post("3", "bot", "I do", "1"), post("4", "bot", "Me too", "1"),
	}
	posts[1].DeleteAt = 5
	posts[2].EditAt = 6
	posts[2].Props = map[string]any{"override_username": "Carla", "from_webhook": "true"}
	posts[3].Props = map[string]any{"override_username": "Dario", "from_webhook": "true"}
	mattermost := transcript.OfMattermost(posts, map[string]string{"anna": "Anna", "beat": "Beat", "bot": "steg"})
	if diff := cmp.Diff(said(), mattermost); diff != "" {
		t.Errorf("mattermost (-want +got):\n%s", diff)
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func([]transcript.Line) []transcript.Line
		want   []string
	}{
		"none": {func(l []transcript.Line) []transcript.Line { return l }, nil},
		"deleted twice": {func(l []transcript.Line) []transcript.Line {
			return append(l, transcript.Line{Deleted: true, Root: -1})
		}, nil},
		"markup": {func(l []transcript.Line) []transcript.Line { l[2].Text = "I **do**\u200b"; return l }, nil},
		"lost":   {func(l []transcript.Line) []transcript.Line { return l[:3] }, []string{`"Me too" is 1 times on A, 0 times on B`}},
		"doubled": {
			func(l []transcript.Line) []transcript.Line { return append(l, l[3]) },
			[]string{`"Me too" is 2 times on B, 1 times on A`},
		},
		"reordered": {
			func(l []transcript.Line) []transcript.Line { l[2], l[3] = l[3], l[2]; return l },
			[]string{`the order differs from message 2 on: "I do" on A, "Me too" on B`},
		},
		"author": {
			func(l []transcript.Line) []transcript.Line { l[0].Author = "steg"; return l },
			[]string{`"Who comes along?" is by "Anna" on A, by "steg" on B`},
		},
		"edit lost": {
			func(l []transcript.Line) []transcript.Line { l[2].Edited = false; return l },
			[]string{`"I do" is marked as edited: true on A, false on B`},
		},
		"thread lost": {
			func(l []transcript.Line) []transcript.Line { l[3].Root = -1; return l },
			[]string{`"Me too" answers "Who comes along?" on A, nothing on B`},
		},
		"deletion lost": {
			func(l []transcript.Line) []transcript.Line { l[1].Deleted, l[1].Text = false, "oops"; return l },
			[]string{`"oops" is 1 times on B, 0 times on A`},
		},
	} {
		got := transcript.Differences(transcript.Side{Name: "A", Lines: said()}, transcript.Side{Name: "B", Lines: test.change(said())})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	right := said()[1:]
	right[1].Root, right[2].Root = -1, -1
	err := transcript.Print(&out, transcript.Side{Name: "LEFT", Lines: said()}, transcript.Side{Name: "RIGHT", Lines: right}, 22)
	if err != nil {
		t.Fatal(err)
	}
	want := `
  LEFT                   │ RIGHT
  ───────────────────────┼───────────────────────
  Anna: Who comes along? │
  Beat: (deleted)        │ Beat: (deleted)
    ↳ Carla: I do        │ Carla: I do (edited)
        (edited)         │
    ↳ Dario: Me too      │ Dario: Me too
`
	if diff := cmp.Diff(want, "\n"+out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
