package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/steg-bridge/steg/core/bridge"
)

// Draft is what "steg init" asked for.
type Draft struct {
	Homeserver Homeserver
	Database   string
	Admin      Admin
	Bridges    []DraftBridge
	School     School
}

// DraftBridge is a bridge to write down: its settings are its definition's
// example with some keys set.
type DraftBridge struct {
	ID       bridge.ID
	Kind     string
	Settings map[string]string
}

// Example is a whole commented configuration with every kind of bridge.
func Example(defs []bridge.Definition) string {
	d := Draft{
		Homeserver: Homeserver{URL: "http://127.0.0.1:8008", Name: "gymnasium.example"},
		School: School{
			ID: "gym", Name: "Gymnasium Uri", Language: "de",
			Admins: []string{"@netzwerker:gymnasium.example"},
		},
	}
	for _, def := range defs {
		id := bridge.ID(def.Kind[:min(len(def.Kind), 16)])
		d.Bridges = append(d.Bridges, DraftBridge{ID: id, Kind: def.Kind})
	}
	if len(d.Bridges) > 0 {
		first := d.Bridges[0].ID
		d.School.Portals = []Portal{
			{Bridge: first, Chat: "gym/marktplatz", Mode: "both"},
			{Bridge: first, Chat: "gym/klasse-*"},
		}
	}
	return d.Render(defs)
}

// Render writes the draft as a configuration with comments. Values left empty
// are the defaults.
func (d Draft) Render(defs []bridge.Definition) string {
	std := Defaults()
	var out writer
	out.line(0, "# Configuration of steg. Check it with \"steg check\". ${NAME} in a value stands")
	out.line(0, "# for an environment variable, and a secret can stand in a file of its own.")
	out.line(0, "")
	d.homeserver(&out, std.Homeserver)
	out.line(0, "")
	out.line(0, "# Where everything is kept that is not delivered yet: a file beside this one, or")
	out.line(0, "# postgres://USER:${PASSWORD}@HOST/NAME")
	out.pair(0, "database", or(d.Database, std.Database))
	out.line(0, "")
	out.line(0, "# The networks. The id becomes part of Matrix IDs (@_steg_ID_…): never change it.")
	out.line(0, "bridges:"+empty(len(d.Bridges)))
	for _, b := range d.Bridges {
		b.render(&out, defs)
	}
	out.line(0, "")
	d.school(&out)
	out.line(0, "")
	out.line(0, "# The room of a chat shows everybody in it, up to so many people; of a larger chat")
	out.line(0, "# it shows those who write. 0 is that in every chat.")
	out.line(0, "# limits: {members_shown: 1000}")
	out.line(0, "")
	out.line(0, "# Health (/health/live, /health/ready) and metrics (/metrics), without content.")
	out.line(0, "admin:")
	out.pair(1, "listen", or(d.Admin.Listen, std.Admin.Listen))
	out.line(0, "")
	out.line(0, "log:")
	out.line(1, "level: info # debug, info, warn or error; never with content, names or tokens")
	out.line(1, "format: text # or json")
	return out.String()
}

// homeserver writes the homeserver's part.
func (d Draft) homeserver(out *writer, std Homeserver) {
	h := d.Homeserver
	out.line(0, "# The Matrix homeserver: where it answers, and the part after the colon in its")
	out.line(0, "# users' IDs.")
	out.line(0, "homeserver:")
	out.pair(1, "url", h.URL)
	out.pair(1, "name", h.Name)
	out.line(1, "# The file with the tokens that steg and the homeserver share.")
	out.pair(1, "registration", or(h.Registration, std.Registration))
	out.line(1, "# The file of a second registration, which lets the posts of people appear as their")
	out.line(1, "# own Matrix accounts, once each has proved both accounts and an admin has approved")
	out.line(1, "# it. Write it with: steg registration -double-puppets -write")
	out.optional(1, "double_puppets", h.DoublePuppets, "doublepuppets.yaml")
	out.line(1, "# Where steg takes what the homeserver sends, and, when that is another address")
	out.line(1, "# as seen from the homeserver (containers), where it reaches it.")
	out.pair(1, "listen", or(h.Listen, std.Listen))
	out.optional(1, "push_url", h.PushURL, "http://steg:29300")
	out.line(1, "# Where networks may fetch the pictures of Matrix people; without it there are")
	out.line(1, "# none.")
	out.optional(1, "public_url", h.PublicURL, "https://steg.gymnasium.example")
	out.line(1, "# May people of other homeservers join the rooms that steg makes?")
	out.line(1, fmt.Sprintf("federate: %t", h.Federate))
	out.line(1, "# The bot's name: @steg:SERVER. Write to it to link chats.")
	out.pair(1, "bot", or(h.Bot, std.Bot))
	out.line(1, "# Shall it show on both sides that somebody is writing?")
	out.line(1, fmt.Sprintf("typing: %t", std.Typing))
}

// render writes one bridge.
func (b DraftBridge) render(out *writer, defs []bridge.Definition) {
	out.line(1, "- id: "+quote(string(b.ID)))
	out.pair(2, "kind", b.Kind)
	for _, def := range defs {
		if def.Kind != b.Kind {
			continue
		}
		text := strings.TrimSpace(def.Example)
		for _, key := range sortedKeys(b.Settings) {
			text = setKey(text, key, b.Settings[key])
		}
		for line := range strings.SplitSeq(text, "\n") {
			out.line(2, strings.TrimRight(line, " \r"))
		}
	}
}

// school writes the school and its portals.
func (d Draft) school(out *writer) {
	s := d.School
	out.line(0, "# The schools. Admins may link chats by writing to the bot. A portal joins a chat to")
	out.line(0, "# a room: announce (the default) crosses from the network to Matrix only, both")
	out.line(0, "# crosses both ways, inbox from Matrix to the network only, off not at all.")
	out.line(0, "# Without a mode, the bot's command or \"steg mode\" may set it.")
	out.line(0, "# A * stands for all public chats that match, future ones too.")
	out.line(0, "schools:")
	out.line(1, "- id: "+quote(string(s.ID)))
	out.pair(2, "name", s.Name)
	out.pair(2, "language", or(s.Language, "en"))
	admins := make([]string, 0, len(s.Admins))
	for _, admin := range s.Admins {
		admins = append(admins, quote(admin))
	}
	out.line(2, "admins: ["+strings.Join(admins, ", ")+"]")
	out.line(2, "# May people who share a conversation also write to each other directly? That needs")
	out.line(2, "# accounts of their own for Matrix people (Mattermost: identity: bots).")
	out.line(2, "direct_chats: false")
	out.line(2, "# Each team is a Matrix space with the rooms of its public channels. Whoever may not")
	out.line(2, "# join the team by themselves joins no room of it either, until an admin invites them")
	out.line(2, "# into the space. Without spaces every local user may join the rooms of public channels.")
	out.line(2, fmt.Sprintf("spaces: %t", s.Spaces == nil || *s.Spaces))
	out.line(2, "# Shall the bot mark as read, on Matrix, what has reached the network?")
	out.line(2, "read_marks: false")
	out.line(2, "# Shall Matrix show who of the network's people is online? The homeserver must have")
	out.line(2, "# presence switched on (Dendrite has not, by default), and gets a request for each of")
	out.line(2, "# them every 20 seconds, of 300 people at most.")
	out.line(2, "presence: false")
	out.line(2, "portals:"+empty(len(s.Portals)))
	for _, p := range s.Portals {
		parts := []string{"bridge: " + quote(string(p.Bridge)), "chat: " + quote(p.Chat)}
		for _, optional := range [][2]string{{"room", p.Room}, {"mode", p.Mode}} {
			if optional[1] != "" {
				parts = append(parts, optional[0]+": "+quote(optional[1]))
			}
		}
		out.line(3, "- {"+strings.Join(parts, ", ")+"}")
	}
}

// writer collects indented lines.
type writer struct{ strings.Builder }

// line writes one line at a level of two spaces.
func (w *writer) line(level int, text string) {
	if text != "" {
		w.WriteString(strings.Repeat("  ", level) + text)
	}
	w.WriteString("\n")
}

// pair writes a key with its value.
func (w *writer) pair(level int, key, value string) { w.line(level, key+": "+quote(value)) }

// optional writes a key, as a comment with an example when it has no value.
func (w *writer) optional(level int, key, value, example string) {
	if value == "" {
		w.line(level, "# "+key+": "+example)
		return
	}
	w.pair(level, key, value)
}

// empty makes an empty list visible.
func empty(count int) string {
	if count == 0 {
		return " []"
	}
	return ""
}

// or returns the first value unless it is empty.
func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// plainShape are values that YAML reads as the text they look like.
var plainShape = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*$|^[0-9.]+:[0-9]+$`)

// quote writes a value so that YAML reads back the same text.
func quote(value string) string {
	words := []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
	if plainShape.MatchString(value) && !slices.Contains(words, strings.ToLower(value)) {
		return value
	}
	var out strings.Builder
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			out.WriteString(`\` + string(r))
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&out, `\x%02x`, r)
		default:
			out.WriteRune(r)
		}
	}
	return `"` + out.String() + `"`
}

// setKey sets a key of an example, where it stands as a comment or with another
// value, or adds it at the end.
func setKey(text, key, value string) string {
	shape := regexp.MustCompile(`(?m)^(?:# ?)?` + regexp.QuoteMeta(key) + `:.*$`)
	line := key + ": " + quote(value)
	if where := shape.FindStringIndex(text); where != nil {
		return text[:where[0]] + line + text[where[1]:]
	}
	return text + "\n" + line
}

// sortedKeys returns the keys of a map in order.
func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
