package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/steg-bridge/steg/core/bridge"
)

// validateSchools checks schools and their portals against each other.
func (c *Config) validateSchools(found *problems) {
	ids := map[bridge.SchoolID]int{}
	chats, rooms := map[string]place{}, map[string]place{}
	for i := range c.Schools {
		s := &c.Schools[i]
		path := fmt.Sprintf("schools[%d]", i)
		switch first, double := ids[s.ID]; {
		case s.ID == "":
			found.at(path+".id", "is missing: choose a short name that never changes, such as gym")
		case !schoolIDShape.MatchString(string(s.ID)):
			found.at(path+".id", "must be 1 to 32 lower-case letters, digits or -")
		case double:
			found.at(path+".id", "is used already in line %d: choose another", first)
		default:
			ids[s.ID] = found.root.lineOf(path + ".id")
		}
		if s.Name == "" {
			s.Name = string(s.ID)
		}
		if s.Language == "" {
			s.Language = "en"
		}
		checkWord(found, path+".language", s.Language, languages)
		c.validateAdmins(found, path, s.Admins)
		for k := range s.Portals {
			at := fmt.Sprintf("%s.portals[%d]", path, k)
			here := place{school: i, line: found.root.lineOf(at)}
			p := s.Portals[k]
			c.validatePortal(found, at, p)
			if p.Bridge != "" && p.Chat != "" {
				name := string(p.Bridge) + " " + p.Chat
				if first, double := chats[name]; double {
					found.at(at+".chat", "the same chat is linked already in line %d: a chat belongs to one portal", first.line)
				} else {
					chats[name] = here
				}
			}
			if first, taken := rooms[p.Room]; taken && p.Room != "" && first.school != i {
				found.at(at+".room", "the room belongs to the school in line %d: a room belongs to one school", first.line)
			} else if !taken {
				rooms[p.Room] = here
			}
		}
	}
}

// place is where something was first seen.
type place struct{ school, line int }

// validateAdmins checks a school's admins: local users, because Matrix IDs of
// other servers are out of the school's hands.
func (c *Config) validateAdmins(found *problems, path string, admins []string) {
	for i, admin := range admins {
		at := fmt.Sprintf("%s.admins[%d]", path, i)
		if !userShape.MatchString(admin) || strings.Contains(admin, "*") {
			found.at(at, "is not a Matrix ID: write @NAME:%s, in quotes", c.serverName())
			continue
		}
		if _, server, _ := strings.Cut(admin, ":"); server != c.Homeserver.Name && c.Homeserver.Name != "" {
			found.at(at, "belongs to another homeserver; an admin must be a user of %s", c.Homeserver.Name)
		}
	}
}

// serverName is the homeserver's name for use in remedies.
func (c *Config) serverName() string {
	if c.Homeserver.Name == "" {
		return "SERVER"
	}
	return c.Homeserver.Name
}

// validatePortal checks a portal by itself.
func (c *Config) validatePortal(found *problems, path string, p Portal) {
	switch known := c.bridgeIDs(); {
	case len(known) == 0:
		found.at(path+".bridge", "there are no bridges: add one under bridges, or remove the portal")
	case p.Bridge == "":
		found.at(path+".bridge", "is missing: write the id of one of the bridges (%s)", oneOf(known))
	case !slices.Contains(known, string(p.Bridge)):
		found.at(path+".bridge", "there is no bridge with the id %q%s", p.Bridge, hint(string(p.Bridge), known))
	}
	if p.Chat == "" {
		found.at(path+".chat", "is missing: write the network's name for the chat, such as team/channel")
	}
	folder := p.Chat[:strings.LastIndex(p.Chat, "/")+1]
	pattern := strings.Contains(p.Chat, "*")
	if strings.Contains(folder, "*") {
		found.at(path+".chat", "* may stand only after the last /")
	}
	if p.Room != "" {
		switch {
		case !aliasShape.MatchString(p.Room) && !roomShape.MatchString(p.Room):
			found.at(path+".room", `must be an alias "#name:%s" or a room's ID "!…", in quotes`, c.serverName())
		case pattern:
			found.at(path+".room", "many chats cannot share one room by a pattern: leave room out, or name each chat")
		}
	}
	if p.Mode != "" {
		checkWord(found, path+".mode", p.Mode, modes)
	}
	for i, member := range p.Members {
		if !patternShape.MatchString(member) || strings.Count(member, "*") > 1 {
			found.at(fmt.Sprintf("%s.members[%d]", path, i), `must be a Matrix ID or a pattern with one *, in quotes, such as "@*:%s"`, c.serverName())
		}
	}
}

// bridgeIDs lists the ids of the configured bridges.
func (c *Config) bridgeIDs() []string {
	var ids []string
	for _, b := range c.Bridges {
		if b.ID != "" {
			ids = append(ids, string(b.ID))
		}
	}
	return ids
}
