package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	asToken = "bench-as-token"
	hsToken = "bench-hs-token"
)

// writeConfig makes a configuration and what it names.
func writeConfig(dir, homeserver, mattermost, dsn, push, admin string) (string, error) {
	files := map[string]string{
		"token": "bench-token",
		"registration.yaml": fmt.Sprintf(`id: steg
url: http://%s
as_token: %s
hs_token: %s
sender_localpart: _steg_as
rate_limited: false
receive_ephemeral: true
de.sorunome.msc2409.push_ephemeral: true
protocols: [mattermost]
namespaces:
  users:
  - {regex: '^@_steg_.*:hs\.test$', exclusive: true}
  - {regex: '^@steg:hs\.test$', exclusive: true}
  aliases:
  - {regex: '^#_steg_.*:hs\.test$', exclusive: true}
  rooms: []
`, push, asToken, hsToken),
		"steg.yaml": fmt.Sprintf(`homeserver: {url: "%s", name: %s, listen: "%s"}
database: "%s"
bridges:
  - {id: mm, kind: mattermost, url: "%s", token_file: token}
schools:
  - id: gym
    name: Bench
    language: en
    admins: ["@admin:%[2]s"]
    # One space would have as many rooms as twenty of the largest teams.
    spaces: false
    portals:
      - {bridge: mm, chat: "gym/c*", mode: both}
limits: {loop_per_minute: 0, members_shown: 1000000}
admin: {listen: "%[6]s"}
log: {level: warn}
`, homeserver, serverName, push, dsn, mattermost, admin),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("write configuration: %w", err)
		}
	}
	return filepath.Join(dir, "steg.yaml"), nil
}
