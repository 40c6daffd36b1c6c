package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/steg-bridge/steg/bridges/all"
	"github.com/steg-bridge/steg/config"
	"github.com/steg-bridge/steg/core/bridge"
)

// answers is what init must know; flags fill it, questions the rest.
type answers struct {
	homeserver, name   string
	networks           map[string]*string // address by kind
	bridgeID           string
	tokenFile          string
	admin              string
	school, schoolName string
	language           string
	portals            []string // CHAT or CHAT=MODE
	listen, pushURL    string
	database           string
	force              bool
}

// shortIDs are the ids that init proposes; another network goes by its kind.
var shortIDs = map[string]string{"mattermost": "mm", "rocketchat": "rc", "email": "mail", "whatsapp": "wa"}

func runInit(ctx context.Context, a *app, c *call) error {
	w := answers{networks: map[string]*string{}}
	f := c.flags
	f.StringVar(&w.homeserver, "homeserver", "", "the `address` of the homeserver's client API, or its name")
	f.StringVar(&w.name, "name", "", "the homeserver's `name`, the part after the colon in its users' IDs; found out when left out")
	for _, def := range all.Definitions() {
		w.networks[def.Kind] = f.String(def.Kind, "", "the `address` of the "+def.Name+" server")
	}
	f.StringVar(&w.tokenFile, "token-file", "", "the `file` with the token of our account on the network, relative to the configuration")
	f.StringVar(&w.bridgeID, "bridge-id", "", "the `id` of the network in Matrix IDs and commands (mm for Mattermost)")
	f.StringVar(&w.admin, "admin", "", "the Matrix `ID` of the school's administrator, @name:server")
	f.StringVar(&w.schoolName, "school", "", "the school's `name`")
	f.StringVar(&w.school, "school-id", "", "a short `id` for the school that never changes")
	f.StringVar(&w.language, "language", "", "the `language` of notices: en or de")
	f.Func("portal", "a `chat` to link from the start, CHAT or CHAT=MODE; may stand several times",
		func(p string) error { w.portals = append(w.portals, p); return nil })
	f.StringVar(&w.listen, "listen", "", "the `address` to take the homeserver's transactions on (127.0.0.1:29300)")
	f.StringVar(&w.pushURL, "push-url", "", "the `address` where the homeserver reaches that, when it is another, as between containers")
	f.StringVar(&w.database, "database", "", "sqlite:`FILE` or postgres://…; ${NAME} in it stands for an environment variable (sqlite:steg.db)")
	f.BoolVar(&w.force, "force", false, "write over an existing configuration")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if _, err := os.Stat(c.config); err == nil && !w.force {
		return fmt.Errorf("%s is there already; it is written over only with -force", c.config)
	}
	if err := a.askAll(ctx, &w); err != nil {
		return err
	}
	draft, err := w.draft()
	if err != nil {
		return err
	}
	if dir := filepath.Dir(c.config); dir != "." {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the configuration's folder: %w", err)
		}
	}
	if err := writeFile(c.config, []byte(draft.Render(all.Definitions()))); err != nil {
		return err
	}
	return a.finish(c, draft)
}

// askAll asks for what the flags left open.
func (a *app) askAll(ctx context.Context, w *answers) error {
	ask := a.questions()
	if err := ask("Address of the homeserver", "homeserver", "http://127.0.0.1:8008", &w.homeserver); err != nil {
		return err
	}
	found := a.discover(ctx, w.homeserver)
	if found.address != "" {
		w.homeserver = found.address
	}
	if w.name == "" {
		w.name = found.name
	}
	given := ""
	for kind, address := range w.networks {
		if *address != "" {
			given = kind
		}
	}
	for _, def := range all.Definitions() {
		if given != "" && given != def.Kind {
			continue
		}
		address := w.networks[def.Kind]
		if err := ask("Address of the "+def.Name+" server", def.Kind, "", address); err != nil {
			return err
		}
		if *address == "" {
			continue
		}
		if err := ask("File with our account's token there", "token-file", def.Kind+".token", &w.tokenFile); err != nil {
			return err
		}
		break
	}
	example := "@name:server"
	if w.name != "" {
		example = "@name:" + w.name
	}
	return ask("Matrix ID of the school's administrator, "+example, "admin", "", &w.admin)
}

// draft turns answers into a configuration.
func (w *answers) draft() (config.Draft, error) {
	_, server, ok := strings.Cut(w.admin, ":")
	if !ok || !strings.HasPrefix(w.admin, "@") {
		return config.Draft{}, &usageError{"the administrator is a Matrix ID, @name:server"}
	}
	if w.name == "" {
		w.name = server // an administrator is a local user
	}
	if server != w.name {
		return config.Draft{}, &usageError{"the administrator must be a user of " + w.name + ", the homeserver"}
	}
	if w.schoolName == "" {
		w.schoolName, _, _ = strings.Cut(w.name, ".")
	}
	if w.school == "" {
		w.school = slug(w.schoolName)
	}
	d := config.Draft{
		Homeserver: config.Homeserver{URL: strings.TrimRight(w.homeserver, "/"), Name: w.name, Listen: w.listen, PushURL: w.pushURL},
		Database:   w.database,
		School: config.School{
			ID: bridge.SchoolID(w.school), Name: w.schoolName, Language: w.language, Admins: []string{w.admin},
		},
	}
	for _, def := range all.Definitions() {
		address := *w.networks[def.Kind]
		if address == "" {
			continue
		}
		if w.bridgeID == "" {
			w.bridgeID = shortIDs[def.Kind]
		}
		if w.bridgeID == "" {
			w.bridgeID = def.Kind[:min(len(def.Kind), 16)]
		}
		if w.tokenFile == "" {
			w.tokenFile = def.Kind + ".token"
		}
		d.Bridges = append(d.Bridges, config.DraftBridge{
			ID: bridge.ID(w.bridgeID), Kind: def.Kind, Settings: map[string]string{"url": withScheme(address), "token_file": w.tokenFile},
		})
		break
	}
	for _, p := range w.portals {
		chat, mode, _ := strings.Cut(p, "=")
		d.School.Portals = append(d.School.Portals, config.Portal{Bridge: bridge.ID(w.bridgeID), Chat: chat, Mode: mode})
	}
	return d, nil
}

// finish writes the registration and says what comes next.
func (a *app) finish(c *call, draft config.Draft) error {
	fmt.Fprintf(a.out, "Wrote %s.\n", c.config)
	if err := a.firstRegistration(c, draft); err != nil {
		return err
	}
	step := 0
	say := func(format string, args ...any) {
		step++
		fmt.Fprintf(a.out, "\n%d. %s\n", step, fmt.Sprintf(format, args...))
	}
	fmt.Fprintln(a.out, "\nNext:")
	_, err := a.load(c)
	if wrong, incomplete := errors.AsType[*config.Error](err); incomplete {
		say("Complete the configuration:\n   %s", strings.ReplaceAll(wrong.Error(), "\n", "\n   "))
	} else if err != nil {
		return err
	}
	if len(draft.Bridges) == 0 {
		say("Add a network under bridges in %s.", c.config)
	}
	say("Give the registration to the homeserver, as above, and restart that.")
	say("Look whether all is well: steg check")
	say("Serve: steg run")
	if len(draft.Bridges) > 0 {
		say("Link a chat: steg link %s TEAM/CHANNEL --mode both\n   or write help to @%s:%s in a direct chat.", draft.Bridges[0].ID,
			config.Defaults().Homeserver.Bot, draft.Homeserver.Name)
	}
	return nil
}

// firstRegistration writes the registration unless there is one.
func (a *app) firstRegistration(c *call, draft config.Draft) error {
	h := config.Defaults().Homeserver
	h.Name, h.PushURL = draft.Homeserver.Name, draft.Homeserver.PushURL
	if draft.Homeserver.Listen != "" {
		h.Listen = draft.Homeserver.Listen
	}
	file := filepath.Join(filepath.Dir(c.config), h.Registration)
	have, err := existing(file)
	if err != nil {
		return err
	}
	if have != nil {
		fmt.Fprintf(a.out, "%s was there already and is kept; steg registration compares it with the configuration.\n", file)
		return nil
	}
	var kinds []string
	for _, b := range draft.Bridges {
		kinds = append(kinds, b.Kind)
	}
	return a.writeRegistration(file, registrationOptions(h, kinds...), nil)
}

// slug makes a school's id of its name.
func slug(name string) string {
	folded := strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "é", "e", "è", "e", "à", "a").Replace(strings.ToLower(name))
	id := strings.Join(strings.FieldsFunc(folded, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }), "-")
	id = strings.Trim(id[:min(len(id), 32)], "-")
	if id == "" {
		return "school"
	}
	return id
}

// withScheme completes an address that was written without https://.
func withScheme(address string) string {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	if u, err := url.Parse(address); err == nil && u.Path == "/" {
		address = strings.TrimRight(address, "/")
	}
	return address
}
