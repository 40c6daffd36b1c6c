package config

import (
	"log/slog"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// Config is what an operator wrote, complete and valid.
type Config struct {
	File       string     `yaml:"-"` // as given to Load
	Homeserver Homeserver `yaml:"homeserver"`
	// Database is "sqlite:" and a file, or a postgres:// address. [Load] makes the
	// file relative to the working directory instead of the configuration's folder.
	Database string   `yaml:"database"`
	Bridges  []Bridge `yaml:"-"`
	Schools  []School `yaml:"schools"`
	Limits   Limits   `yaml:"limits"`
	Admin    Admin    `yaml:"admin"`
	Log      Log      `yaml:"log"`
	// Warnings are what works but should be changed.
	Warnings []Problem `yaml:"-"`
}

// Homeserver tells where the Matrix homeserver is and how it reaches us.
type Homeserver struct {
	URL  string `yaml:"url"`  // where its client API answers
	Name string `yaml:"name"` // the part after the colon in its users' IDs
	// Registration is the file that the homeserver reads too. [Load] makes it
	// relative to the working directory.
	Registration string `yaml:"registration"`
	// DoublePuppets is the file of a second registration, which lets Steg write as
	// people's own accounts; "" = it never does. Relative as Registration.
	DoublePuppets string `yaml:"double_puppets"`
	Listen        string `yaml:"listen"` // where we take its transactions
	// PushURL is where the homeserver reaches Listen, when that is not its own
	// address: in containers, or behind a proxy.
	PushURL string `yaml:"push_url"`
	// PublicURL is where networks may fetch pictures of Matrix people from Listen;
	// "" = no pictures.
	PublicURL string `yaml:"public_url"`
	Federate  bool   `yaml:"federate"` // may rooms that we make be joined from other servers?
	Bot       string `yaml:"bot"`      // local part of the bot's Matrix ID
	Typing    bool   `yaml:"typing"`   // show who is writing, both ways
}

// Bridge is one configured network. Its own settings are known to its
// definition only: see [Bridge.Open].
type Bridge struct {
	ID         bridge.ID
	Kind       string
	Definition bridge.Definition

	path     string
	settings *node
	dir      string // of the configuration file, for secrets in files
	env      Env
	file     string
}

// School is a tenant: it owns portals, policy and admins.
type School struct {
	ID       bridge.SchoolID `yaml:"id"`
	Name     string          `yaml:"name"`
	Language string          `yaml:"language"` // of notices: "de" or "en"
	Admins   []string        `yaml:"admins"`   // Matrix IDs on our homeserver
	// DirectChats lets people of the school write to each other directly, across, on
	// networks where Matrix people have accounts of their own.
	DirectChats bool `yaml:"direct_chats"`
	// Spaces makes a Matrix space of each team; nil = true.
	Spaces *bool `yaml:"spaces"`
	// ReadMarks lets the bot mark on Matrix what has reached a network.
	ReadMarks bool `yaml:"read_marks"`
	// Presence shows on Matrix who of the networks' people is online.
	Presence bool     `yaml:"presence"`
	Portals  []Portal `yaml:"portals"`
}

// Portal joins a chat, or a pattern of public chats, to a room.
type Portal struct {
	Bridge  bridge.ID `yaml:"bridge"`
	Chat    string    `yaml:"chat"` // the network's name for it; * in the last segment
	Room    string    `yaml:"room"` // "#alias:server" or "!id"; "" = make one
	Mode    string    `yaml:"mode"` // "" = announce, and commands may change it
	Members []string  `yaml:"members"`
}

// Limits overrides limits of the engine; nil = its default.
type Limits struct {
	LoopPerMinute   *int           `yaml:"loop_per_minute"`
	MaxHops         *int           `yaml:"max_hops"`
	TargetWait      *time.Duration `yaml:"target_wait"`
	UnknownAttempts *int           `yaml:"unknown_attempts"`
	MembersShown    *int           `yaml:"members_shown"`
}

// Admin is the HTTP listener of health and metrics.
type Admin struct {
	Listen string `yaml:"listen"` // "" after Load when it was switched off
}

// Log says how to log.
type Log struct {
	Level  string `yaml:"level"`  // "debug", "info", "warn" or "error"
	Format string `yaml:"format"` // "text" or "json"
}

// Threshold is the level from which on lines are logged.
func (l Log) Threshold() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // info when unknown, which Load refuses
	return level
}

// Defaults are the values of keys that an operator may leave out. File names are
// relative to the configuration.
func Defaults() Config {
	return Config{
		Homeserver: Homeserver{Registration: "registration.yaml", Listen: "127.0.0.1:29300", Bot: "steg", Typing: true},
		Database:   "sqlite:steg.db",
		Admin:      Admin{Listen: "127.0.0.1:29301"},
		Log:        Log{Level: "info", Format: "text"},
	}
}
