package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steg-bridge/steg/bridges/all"
	"github.com/steg-bridge/steg/config"
	"github.com/steg-bridge/steg/core/bridge"
)

var update = flag.Bool("update", false, "write the generated part of the README anew")

// example loads the example configuration with every kind of bridge, in a folder
// that holds the secrets' files it names.
func example(t *testing.T) *config.Config {
	t.Helper()
	dir := t.TempDir()
	text := config.Example(all.Definitions())
	for _, match := range regexp.MustCompile(`(?m)^ *[a-z_]+_file: (.*)$`).FindAllStringSubmatch(text, -1) {
		if err := os.WriteFile(filepath.Join(dir, match[1]), []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "steg.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, all.Definitions(), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatalf("the example does not load: %v\n%s", err, text)
	}
	return cfg
}

func TestExampleOfEveryBridgeLoads(t *testing.T) {
	t.Parallel()
	cfg := example(t)
	if len(cfg.Bridges) != len(all.Definitions()) || len(cfg.Warnings) > 0 {
		t.Errorf("%d bridges of %d, warnings %v", len(cfg.Bridges), len(all.Definitions()), cfg.Warnings)
	}
}

// TestReadmeTable keeps the table of what each network can do as true as the
// code: it is made of the capabilities that the bridges declare.
func TestReadmeTable(t *testing.T) {
	t.Parallel()
	const readme, begin, end = "../../README.md", "<!-- capabilities: make gen -->\n", "<!-- end -->"
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	have, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("the README lacks the marks %q and %q", begin, end)
	}
	want := capabilityTable(t, example(t))
	if have == want {
		return
	}
	if !*update {
		t.Fatalf("the README's table is not what the code can do; make gen writes it anew. It should be:\n%s", want)
	}
	if err := os.WriteFile(readme, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// capabilityTable shows the capabilities of all bridges as Markdown.
func capabilityTable(t *testing.T, cfg *config.Config) string {
	t.Helper()
	names := []string{""}
	var rows [][]string
	for i, b := range cfg.Bridges {
		opened, err := b.Open(slog.New(slog.DiscardHandler), time.Now)
		if err != nil {
			t.Fatalf("open %s: %v", b.ID, err)
		}
		client, err := opened.Open(bridge.Login{ID: mainLogin})
		if err != nil {
			t.Fatalf("open %s: %v", b.ID, err)
		}
		names = append(names, b.Definition.Name)
		for row, cell := range cells(opened.Capabilities().Fill(client), client) {
			if i == 0 {
				rows = append(rows, []string{cell[0]})
			}
			rows[row] = append(rows[row], cell[1])
		}
	}
	var out strings.Builder
	write := func(row []string) { out.WriteString("| " + strings.Join(row, " | ") + " |\n") }
	write(names)
	write(slices.Repeat([]string{"---"}, len(names)))
	for _, row := range rows {
		write(row)
	}
	return out.String()
}

// cells names what a network can do.
func cells(c bridge.Capabilities, client bridge.Client) [][2]string {
	yes := func(b bool) string {
		if b {
			return "yes"
		}
		return "no"
	}
	// What has to be switched on is shown all the same.
	_, puppets := client.(bridge.Puppeteer)
	_, directs := client.(bridge.DirectOpener)
	switched := func(on, can bool) string {
		if can && !on {
			return "where switched on"
		}
		return yes(on)
	}
	limit := "none"
	if c.MaxText > 0 {
		limit = fmt.Sprintf("%d characters", c.MaxText)
	}
	reactions := yes(c.Reacts)
	if c.SharedReactions {
		reactions += ", one for all Matrix people"
	}
	return [][2]string{
		{"Text, with markup of", c.Markup},
		{"Longest message", limit},
		{"Edits", yes(c.Edits)},
		{"Deletions", yes(c.Removals)},
		{"Files", yes(c.Files)},
		{"Replies", yes(c.Replies || c.Threads)},
		{"Threads", yes(c.Threads)},
		{"Reactions", reactions},
		{"Pins", yes(c.Pins)},
		{"Pictures of people", yes(c.Avatars)},
		{"Who is in a chat", yes(c.Members)},
		{"Teams as spaces", yes(c.Spaces)},
		{"Typing", yes(c.Types)},
		{"Who is online", switched(false, c.Presence)},
		{"Accounts of their own for Matrix people", switched(c.Puppets, puppets)},
		{"Direct and group chats", switched(c.Directs, directs)},
		{"People can prove which account is theirs", yes(c.Confides)},
		{"Chats by name and pattern", yes(c.Resolves)},
		{"Probed by `steg check`", yes(c.Checks)},
	}
}
