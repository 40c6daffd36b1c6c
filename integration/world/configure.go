package world

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// configure writes Steg's configuration with "steg init", as an operator would,
// then changes in its text what differs here: addresses, portals, the database.
func (w *World) configure(ctx context.Context) error {
	token := w.path("steg", "mattermost.token")
	if err := os.WriteFile(token, []byte(w.Bot.Token+"\n"), 0o600); err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	homeserver, mattermost := "http://"+loopback(w.ports.homeserver), w.Mattermost.URL
	if w.Wires != nil {
		homeserver, mattermost = w.Wires.ToHomeserver.URL(), w.Wires.ToMattermost.URL()
	}
	w.say("writing Steg's configuration with \"steg init\"")
	_, err := w.Gateway.Do(ctx, "init",
		"-homeserver", homeserver, "-name", w.options.ServerName,
		"-mattermost", mattermost, "-token-file", "mattermost.token",
		"-admin", w.AdminID().String(), "-school", "Gymnasium", "-school-id", w.Team)
	if err != nil {
		return err
	}
	if err := w.EditConfig(func(text string) (string, error) { return w.settle(ctx, text) }); err != nil {
		return err
	}
	if _, err = w.Gateway.Do(ctx, "registration", "-write"); err == nil && w.options.DoublePuppets {
		_, err = w.Gateway.Do(ctx, "registration", "-double-puppets", "-write")
	}
	return err
}

// EditConfig changes the text of the configuration.
func (w *World) EditConfig(change func(text string) (string, error)) error {
	text, err := os.ReadFile(w.Gateway.Config())
	if err != nil {
		return err
	}
	changed, err := change(string(text))
	if err != nil {
		return fmt.Errorf("change the configuration: %w", err)
	}
	return os.WriteFile(w.Gateway.Config(), []byte(changed), 0o600)
}

// settle puts this world's addresses and portals into the text.
func (w *World) settle(ctx context.Context, text string) (string, error) {
	lines := []struct{ old, now string }{
		{`listen: 127.0.0.1:29300`, "listen: " + loopback(w.ports.gateway)},
		{`listen: 127.0.0.1:29301`, "listen: " + loopback(w.ports.admin)},
	}
	if w.Wires != nil {
		lines = append(lines, struct{ old, now string }{`# push_url: .*`, "push_url: " + w.Wires.ToGateway.URL()})
	}
	if w.options.Puppets {
		admin := w.path("steg", "mattermost-admin.token")
		if err := os.WriteFile(admin, []byte(w.Mattermost.Admin.Token+"\n"), 0o600); err != nil {
			return "", fmt.Errorf("write token: %w", err)
		}
		lines = append(lines, struct{ old, now string }{`identity: relay`, "identity: bots"},
			struct{ old, now string }{`# admin_token_file: .*`, "admin_token_file: mattermost-admin.token"},
			struct{ old, now string }{`direct_chats: false`, "direct_chats: true"})
	}
	if w.options.Beside {
		lines = append(lines, struct{ old, now string }{`read_marks: false`, "read_marks: true"},
			struct{ old, now string }{`presence: false`, "presence: true"})
	}
	if w.options.PublicURL {
		lines = append(lines, struct{ old, now string }{`# public_url: .*`, "public_url: http://" + loopback(w.ports.gateway)})
	}
	if w.options.DoublePuppets {
		lines = append(lines, struct{ old, now string }{`# double_puppets: .*`, "double_puppets: doublepuppets.yaml"})
	}
	if w.options.Database == PostgreSQL {
		dsn, err := w.Postgres.CreateDatabase(ctx, fmt.Sprintf("steg_%d", w.ports.gateway))
		if err != nil {
			return "", err
		}
		lines = append(lines, struct{ old, now string }{`database: .*`, "database: " + dsn})
	}
	if len(w.options.Portals) > 0 {
		lines = append(lines, struct{ old, now string }{`    portals: \[\]`, PortalsYAML(w.options.Portals)})
	}
	for _, line := range lines {
		var err error
		if text, err = ReplaceLine(text, line.old, line.now); err != nil {
			return "", err
		}
	}
	if w.options.Edit != nil {
		text = w.options.Edit(text)
	}
	return text, nil
}

// ReplaceLine replaces what pattern matches on its line, indentation kept. It is
// an error when pattern matches no line, so that no change is lost unnoticed.
func ReplaceLine(text, pattern, now string) (string, error) {
	shape := regexp.MustCompile(`(?m)^( *)(?:` + pattern + `)$`)
	if !shape.MatchString(text) {
		return "", fmt.Errorf("no line matches %q in:\n%s", pattern, text)
	}
	return shape.ReplaceAllString(text, "${1}"+strings.ReplaceAll(now, "$", "$$")), nil
}

// PortalsYAML writes portals as the value of a school.
func PortalsYAML(portals []Portal) string {
	var b strings.Builder
	b.WriteString("    portals:")
	for _, p := range portals {
		if p.Bridge == "" {
			p.Bridge = "mm"
		}
		fmt.Fprintf(&b, "\n      - {bridge: %s, chat: %q", p.Bridge, p.Chat)
		if p.Room != "" {
			fmt.Fprintf(&b, ", room: %q", p.Room)
		}
		if p.Mode != "" {
			fmt.Fprintf(&b, ", mode: %q", p.Mode)
		}
		if len(p.Members) > 0 {
			fmt.Fprintf(&b, ", members: [%q]", strings.Join(p.Members, `", "`))
		}
		b.WriteString("}")
	}
	return b.String()
}
