package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// MattermostOptions describes a Mattermost server. Dir and Postgres are
// required.
type MattermostOptions struct {
	Dir      string // made when missing; a second server on the same folder continues its data
	Postgres *Postgres
	Port     int // 0 means a free one

	// NoUsernameOverride and NoIconOverride switch off what is on by default
	// here and off by default in a fresh Mattermost: posts that show another
	// name or picture than their author's.
	NoUsernameOverride bool
	NoIconOverride     bool

	// DatabaseAddress is host:port of a [Proxy] in front of the cluster, when
	// a test wants to break that connection.
	DatabaseAddress string

	// Env sets more of the server's settings, for example
	// MM_RATELIMITSETTINGS_ENABLE=true. They win over the harness's own.
	Env []string
}

// Mattermost is a Mattermost Team Edition with a system administrator.
type Mattermost struct {
	*Proc

	URL   string // without a trailing slash
	Port  int
	Admin *MattermostPerson // system administrator, with a personal access token

	client *http.Client
}

// mattermostTemplate is a migrated database with an administrator, and the
// administrator's token, which stays valid in copies.
type mattermostTemplate struct {
	database string
	token    string
}

const (
	adminName     = "admin"
	adminPassword = "Correct-horse-1"
)

// StartMattermost starts a Mattermost on options.Dir. The first server of a
// cluster migrates a database and keeps it as a template, which makes the
// following ones start in less than a second. The data survive Stop and Kill.
func StartMattermost(ctx context.Context, options MattermostOptions) (*Mattermost, error) {
	program, err := Installed(ctx, MattermostServer)
	if err != nil {
		return nil, err
	}
	if options.Postgres == nil {
		return nil, errors.New("start mattermost: needs a PostgreSQL cluster")
	}
	dir, err := existingDir(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("start mattermost: %w", err)
	}
	if options.Port == 0 {
		if options.Port, err = FreePort(ctx); err != nil {
			return nil, err
		}
	}
	database, token, err := mattermostDatabase(ctx, options, program, dir)
	if err != nil {
		return nil, fmt.Errorf("start mattermost: %w", err)
	}
	m, err := newMattermost(options, program, dir, database)
	if err != nil {
		return nil, fmt.Errorf("start mattermost: %w", err)
	}
	if err := m.Start(ctx); err != nil {
		return nil, err
	}
	if m.Admin, err = mattermostWithToken(ctx, m.URL, m.client, token); err != nil {
		return nil, errors.Join(fmt.Errorf("start mattermost: administrator: %w", err), m.Kill())
	}
	return m, nil
}

// Stop ends the server and this process's idle connections to it. The server
// would wait some ten seconds for open WebSockets; after two it is killed.
func (m *Mattermost) Stop(ctx context.Context) error {
	m.client.CloseIdleConnections()
	return m.Proc.Stop(ctx)
}

// mattermostDatabase returns the name of the folder's database and its
// administrator's token. At the first call the database is copied from the
// cluster's template.
func mattermostDatabase(ctx context.Context, options MattermostOptions, program, dir string) (database, token string, err error) {
	tokenFile := filepath.Join(dir, "admin.token")
	nameFile := filepath.Join(dir, "database.name")
	if raw, err := os.ReadFile(tokenFile); err == nil {
		name, err := os.ReadFile(nameFile)
		return string(name), string(raw), err
	}
	template, err := options.Postgres.mattermostTemplate(ctx, program)
	if err != nil {
		return "", "", err
	}
	database = fmt.Sprintf("mattermost_%d", options.Port)
	if _, err := options.Postgres.CreateDatabaseFrom(ctx, database, template.database); err != nil {
		return "", "", err
	}
	if err := os.WriteFile(nameFile, []byte(database), 0o600); err != nil {
		return "", "", err
	}
	return database, template.token, os.WriteFile(tokenFile, []byte(template.token), 0o600)
}

// mattermostTemplate makes the template of this cluster at the first call.
func (p *Postgres) mattermostTemplate(ctx context.Context, program string) (*mattermostTemplate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if made := p.templates[program]; made != nil {
		return made, nil
	}
	made := &mattermostTemplate{database: fmt.Sprintf("mattermost_template_%d", len(p.templates))}
	if _, err := p.createLocked(ctx, made.database, ""); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "steg-mattermost-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	port, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	m, err := newMattermost(MattermostOptions{Postgres: p, Port: port}, program, dir, made.database)
	if err != nil {
		return nil, err
	}
	if err := m.Start(ctx); err != nil {
		return nil, err
	}
	made.token, err = m.firstAdmin(ctx)
	m.client.CloseIdleConnections()
	// The template must have no connections when it is copied.
	if err := errors.Join(err, m.Kill(), p.EndConnections(ctx, made.database)); err != nil {
		return nil, fmt.Errorf("make template: %w", err)
	}
	p.templates[program] = made
	return made, nil
}

// newMattermost prepares the folder and the process.
func newMattermost(options MattermostOptions, program, dir, database string) (*Mattermost, error) {
	// The server looks for these beside its working directory.
	for _, name := range []string{"i18n", "templates", "fonts"} {
		link := filepath.Join(dir, name)
		if !exists(link) {
			if err := os.Symlink(filepath.Join(program, name), link); err != nil {
				return nil, err
			}
		}
	}
	address := options.DatabaseAddress
	if address == "" {
		address = loopback(options.Postgres.Port)
	}
	m := &Mattermost{URL: "http://" + loopback(options.Port), Port: options.Port, client: httpClient()}
	m.Proc = NewProc(Command{
		Name:        "mattermost",
		Path:        filepath.Join(program, "mattermost"),
		Args:        []string{"server"},
		Dir:         dir,
		Env:         mattermostEnv(options, dir, options.Postgres.DSNVia(address, database)),
		Ready:       reachable(m.client, m.URL+"/api/v4/system/ping"),
		StopTimeout: 2 * time.Second,
	})
	return m, nil
}

// mattermostEnv sets the server's configuration; every setting has an
// environment variable, see
// https://docs.mattermost.com/administration-guide/configure/environment-variables.html.
func mattermostEnv(options MattermostOptions, dir, dsn string) []string {
	env := serverEnv(dir,
		"MM_CONFIG="+filepath.Join(dir, "config.json"),
		"MM_SQLSETTINGS_DRIVERNAME=postgres",
		"MM_SQLSETTINGS_DATASOURCE="+dsn,
		"MM_SQLSETTINGS_MAXOPENCONNS=40",
		"MM_SERVICESETTINGS_LISTENADDRESS="+loopback(options.Port),
		"MM_SERVICESETTINGS_SITEURL=http://"+loopback(options.Port),
		"MM_SERVICESETTINGS_ENABLEBOTACCOUNTCREATION=true",
		"MM_SERVICESETTINGS_ENABLEUSERACCESSTOKENS=true",
		"MM_SERVICESETTINGS_ENABLEPOSTUSERNAMEOVERRIDE="+strconv.FormatBool(!options.NoUsernameOverride),
		"MM_SERVICESETTINGS_ENABLEPOSTICONOVERRIDE="+strconv.FormatBool(!options.NoIconOverride),
		"MM_SERVICESETTINGS_ENABLESECURITYFIXALERT=false",
		"MM_FILESETTINGS_DIRECTORY="+filepath.Join(dir, "files"),
		"MM_PLUGINSETTINGS_ENABLE=false",
		"MM_LOGSETTINGS_ENABLEDIAGNOSTICS=false",
		"MM_LOGSETTINGS_ENABLEFILE=false",
		"MM_LOGSETTINGS_CONSOLELEVEL=ERROR",
		"MM_EMAILSETTINGS_SENDEMAILNOTIFICATIONS=false",
		"MM_TEAMSETTINGS_MAXUSERSPERTEAM=5000",
		"MM_TEAMSETTINGS_MAXCHANNELSPERTEAM=20000",
		"MM_JOBSETTINGS_RUNJOBS=false",
		"MM_JOBSETTINGS_RUNSCHEDULER=false",
		"MM_ANNOUNCEMENTSETTINGS_ADMINNOTICESENABLED=false",
		"MM_ANNOUNCEMENTSETTINGS_USERNOTICESENABLED=false",
	)
	return append(env, options.Env...)
}

// firstAdmin creates the first account, which Mattermost makes system
// administrator, and returns a personal access token for it.
func (m *Mattermost) firstAdmin(ctx context.Context) (string, error) {
	account := map[string]string{"username": adminName, "password": adminPassword, "email": adminName + "@school.test"}
	if err := callJSON(ctx, m.client, http.MethodPost, m.URL+"/api/v4/users", "", account, nil); err != nil {
		return "", err
	}
	admin, err := mattermostLogin(ctx, m.URL, m.client, adminName, adminPassword)
	if err != nil {
		return "", err
	}
	return admin.newToken(ctx, admin.ID)
}
