package mattermosttest

import (
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mattermost/mattermost/server/public/model"
)

// Server is a Mattermost in memory. Its methods may be called from many
// goroutines.
type Server struct {
	http    *httptest.Server
	writers sync.WaitGroup // of sockets

	mu        sync.Mutex
	last      int64 // of the clock
	users     map[string]*model.User
	pictures  map[string][]byte
	bots      map[string]*model.Bot // of those made by the API
	teams     map[string]*model.Team
	channels  map[string]*model.Channel
	members   map[string]map[string]bool // channel → users
	inTeam    map[string]map[string]bool // team → users
	posts     map[string]*model.Post
	reactions map[string][]*model.Reaction // post → with those taken back
	files     map[string]*storedFile
	emoji     map[string]bool     // names of custom ones
	rows      map[string][]string // channel → posts and history rows, as written
	tokens    map[string]*session
	pending   map[string]*pendingPost
	latest    map[string]int64 // channel → largest change that a since answer held
	conns     map[string]*conn
	switches  Switches
	calls     []string
	typed     map[string]int    // by channel and user
	chiefs    map[string]string // user → the channel, or the team, that they run
	statuses  map[string]string

	betweenPages func() // of a list of members
	faults       faults
}

// Switches are the settings that an operator of the server can change.
type Switches struct {
	NameOverride bool // EnablePostUsernameOverride
	IconOverride bool // EnablePostIconOverride
	MaxPostSize  int
	MaxFileSize  int64
	MaxAlert     int // MaxNotificationsPerChannel
}

type session struct {
	user    string
	revoked bool
	used    bool // the server remembers it while its database is away
}

type pendingPost struct {
	id   string // "" while the first request runs
	till int64
}

// pendingTime is how long the server remembers a pending_post_id.
const pendingTime = int64(30_000)

// New starts a server that ends with the test.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{
		users: map[string]*model.User{}, pictures: map[string][]byte{}, bots: map[string]*model.Bot{}, teams: map[string]*model.Team{},
		channels: map[string]*model.Channel{}, members: map[string]map[string]bool{}, inTeam: map[string]map[string]bool{},
		posts: map[string]*model.Post{}, reactions: map[string][]*model.Reaction{}, emoji: map[string]bool{}, files: map[string]*storedFile{},
		rows: map[string][]string{}, tokens: map[string]*session{},
		pending: map[string]*pendingPost{}, latest: map[string]int64{}, conns: map[string]*conn{}, typed: map[string]int{}, chiefs: map[string]string{}, statuses: map[string]string{},
		switches: Switches{NameOverride: true, IconOverride: true, MaxPostSize: 16383, MaxFileSize: 100 << 20, MaxAlert: 1000},
	}
	s.http = httptest.NewServer(s.guard(s.routes()))
	tb.Cleanup(s.close)
	return s
}

// URL is the server's address.
func (s *Server) URL() string { return s.http.URL }

// Calls counts the requests whose method, path and query hold all the words.
func (s *Server) Calls(words ...string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, call := range s.calls {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(call, w) }) {
			n++
		}
	}
	return n
}

func (s *Server) close() {
	s.faults.end()
	s.mu.Lock()
	conns := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.lose()
	}
	s.http.CloseClientConnections()
	s.http.Close()
	s.writers.Wait()
}

// tick is the server's clock: milliseconds, never the same twice. It needs s.mu
// held.
func (s *Server) tick() int64 {
	s.last = max(s.last+1, time.Now().UnixMilli())
	return s.last
}

// Set changes the switches.
func (s *Server) Set(change func(*Switches)) {
	s.mu.Lock()
	change(&s.switches)
	s.mu.Unlock()
	s.push(&event{name: model.WebsocketEventConfigChanged, data: map[string]any{}}, func(string) bool { return true })
}

// NewUser makes a person.
func (s *Server) NewUser(username, nickname string) string {
	return s.newUser(username, nickname, false)
}

func (s *Server) newUser(username, nickname string, bot bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.tick()
	u := &model.User{Id: model.NewId(), Username: username, Nickname: nickname, CreateAt: at, UpdateAt: at, IsBot: bot, Roles: model.SystemUserRoleId}
	s.users[u.Id] = u
	return u.Id
}

// NewBot makes a bot account in the teams and returns its access token.
func (s *Server) NewBot(username string, teams ...string) (user, token string) {
	user = s.newUser(username, "", true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, team := range teams {
		s.inTeam[team][user] = true
	}
	return user, s.newToken(user)
}

// NewTeam makes a team.
func (s *Server) NewTeam(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.tick()
	t := &model.Team{Id: model.NewId(), Name: name, DisplayName: name, CreateAt: at, UpdateAt: at, Type: model.TeamOpen, AllowOpenInvite: true}
	s.teams[t.Id] = t
	s.inTeam[t.Id] = map[string]bool{}
	return t.Id
}

// NewChannel makes a channel without members.
func (s *Server) NewChannel(team, name string, private bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.tick()
	ch := &model.Channel{Id: model.NewId(), TeamId: team, Name: name, DisplayName: name, Type: model.ChannelTypeOpen, CreateAt: at, UpdateAt: at}
	if private {
		ch.Type = model.ChannelTypePrivate
	}
	s.channels[ch.Id] = ch
	s.members[ch.Id] = map[string]bool{}
	return ch.Id
}

// Join makes a user a member, by the hand of another or, when by is empty, by
// its own.
func (s *Server) Join(channel, user, by string) {
	s.mu.Lock()
	if s.members[channel][user] {
		s.mu.Unlock()
		return
	}
	s.members[channel][user] = true
	s.inTeam[s.channels[channel].TeamId][user] = true
	team := s.channels[channel].TeamId
	s.mu.Unlock()
	s.push(&event{
		name: model.WebsocketEventUserAdded, data: map[string]any{"user_id": user, "team_id": team}, channel: channel,
	}, s.inChannel(channel))
	notice := &model.Post{ChannelId: channel, UserId: user, Type: model.PostTypeJoinChannel, Message: "joined"}
	if by != "" {
		notice.UserId, notice.Type = by, model.PostTypeAddToChannel
		notice.Props = model.StringInterface{"addedUserId": user}
	}
	s.notice(notice)
}

// Leave takes a user out of a channel, by the hand of another.
func (s *Server) Leave(channel, user, by string) {
	s.mu.Lock()
	delete(s.members[channel], user)
	s.mu.Unlock()
	s.push(&event{
		name: model.WebsocketEventUserRemoved, data: map[string]any{"channel_id": channel, "remover_id": by}, user: user,
	}, func(u string) bool { return u == user })
	s.push(&event{
		name: model.WebsocketEventUserRemoved, data: map[string]any{"user_id": user, "remover_id": by}, channel: channel,
	}, s.inChannel(channel))
	s.notice(&model.Post{
		ChannelId: channel, UserId: by, Type: model.PostTypeRemoveFromChannel, Message: "removed",
		Props: model.StringInterface{"removedUserId": user},
	})
}

// Revoke ends a token. Its sockets stay open and hear nothing more.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.tokens[token]; session != nil {
		session.revoked = true
	}
}

// Restore makes a revoked token valid again.
func (s *Server) Restore(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.tokens[token]; session != nil {
		session.revoked = false
	}
}

// UpdateUser changes a person.
func (s *Server) UpdateUser(user string, change func(*model.User)) {
	s.mu.Lock()
	u := s.users[user]
	change(u)
	u.UpdateAt = s.tick()
	copied := *u
	s.mu.Unlock()
	s.push(&event{name: model.WebsocketEventUserUpdated, data: map[string]any{"user": &copied}}, func(string) bool { return true })
}

// SetPicture gives a person a picture.
func (s *Server) SetPicture(user string, png []byte) {
	s.mu.Lock()
	s.pictures[user] = png
	at := s.tick()
	s.mu.Unlock()
	s.UpdateUser(user, func(u *model.User) { u.LastPictureUpdate = at })
}

// UpdateChannel changes a channel.
func (s *Server) UpdateChannel(channel string, change func(*model.Channel)) {
	s.mu.Lock()
	ch := s.channels[channel]
	change(ch)
	ch.UpdateAt = s.tick()
	copied := *ch
	s.mu.Unlock()
	s.push(&event{name: model.WebsocketEventChannelUpdated, data: map[string]any{"channel": jsonText(&copied)}, channel: channel}, s.inChannel(channel))
}

// Archive closes a channel, or opens it again.
func (s *Server) Archive(channel string, archived bool) {
	s.mu.Lock()
	ch := s.channels[channel]
	ch.UpdateAt = s.tick()
	ch.DeleteAt = 0
	name := model.WebsocketEventChannelRestored
	if archived {
		ch.DeleteAt, name = ch.UpdateAt, model.WebsocketEventChannelDeleted
	}
	team := ch.TeamId
	s.mu.Unlock()
	s.push(&event{name: name, data: map[string]any{"channel_id": channel}}, func(user string) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.inTeam[team][user]
	})
}

// UpdateTeam changes a team; who is in it hears of it.
func (s *Server) UpdateTeam(team string, change func(*model.Team)) {
	s.mu.Lock()
	t := s.teams[team]
	gone := t.DeleteAt
	change(t)
	t.UpdateAt = s.tick()
	copied := *t
	s.mu.Unlock()
	name := model.WebsocketEventUpdateTeam
	switch {
	case gone == 0 && copied.DeleteAt > 0:
		name = model.WebsocketEventDeleteTeam
	case gone > 0 && copied.DeleteAt == 0:
		name = model.WebsocketEventRestoreTeam
	}
	s.push(&event{name: name, data: map[string]any{"team": jsonText(&copied)}}, func(user string) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.inTeam[team][user]
	})
}

// ArchiveTeam closes a team, or opens it again. Its channels and members are not
// listed meanwhile; otherwise everything goes on.
func (s *Server) ArchiveTeam(team string, archived bool) {
	s.UpdateTeam(team, func(t *model.Team) {
		t.DeleteAt = 0
		if archived {
			t.DeleteAt = t.UpdateAt + 1
		}
	})
}

// inChannel selects the members of a channel.
func (s *Server) inChannel(channel string) func(user string) bool {
	return func(user string) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.members[channel][user]
	}
}
