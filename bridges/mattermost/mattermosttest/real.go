package mattermosttest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// RealRemote drives a real server for the conformance suite, by its REST API. The
// bridge talks to the server through a proxy that makes its calls fail.
type RealRemote struct {
	Token string // access token of the bot account under test

	proxy   *proxy
	admin   *model.Client4
	team    *model.Team
	bot     string
	tokenID string

	mu     sync.Mutex
	people map[bridge.UserID]*person
	inside map[string]bool // channel and user
	// elsewhere are the channels of other teams than team, with theirs.
	elsewhere map[string]string
	watches   map[string]*atomic.Bool // the same: has the bot been seen writing?
}

type person struct {
	name   string
	client *model.Client4
}

var _ bridgetest.Remote = (*RealRemote)(nil)

const realPassword = "Correct-horse-3"

// NewRealRemote makes a team and a bot account on the server at address, by the
// hand of the system administrator whose access token it is given.
func NewRealRemote(tb testing.TB, address, adminToken string) *RealRemote {
	tb.Helper()
	r := &RealRemote{
		proxy: newProxy(tb, address), admin: model.NewAPIv4Client(address),
		people: map[bridge.UserID]*person{}, inside: map[string]bool{}, watches: map[string]*atomic.Bool{},
		elsewhere: map[string]string{},
	}
	r.admin.SetToken(adminToken)
	ctx := tb.Context()
	name := "t" + model.NewId()[:12]
	team, _, err := r.admin.CreateTeam(ctx, &model.Team{Name: name, DisplayName: name, Type: model.TeamOpen})
	must(tb, "make team", err)
	r.team = team
	bot, _, err := r.admin.CreateBot(ctx, &model.Bot{Username: "steg-" + model.NewId()[:12]})
	must(tb, "make bot", err)
	r.bot = bot.UserId
	_, _, err = r.admin.AddTeamMember(ctx, team.Id, r.bot)
	must(tb, "add bot to team", err)
	token, _, err := r.admin.CreateUserAccessToken(ctx, r.bot, "conformance")
	must(tb, "make token", err)
	r.Token, r.tokenID = token.Token, token.Id
	return r
}

func must(tb testing.TB, what string, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatalf("%s: %v", what, err)
	}
}

// Config is what an operator would write for the bridge to use this server, with
// short times.
func (r *RealRemote) Config() string {
	return strings.Join([]string{
		"url: " + r.proxy.server.URL, "token: " + r.Token, "timeout: 10s", "keepalive: 1s",
		"identity: bots", "admin_token: " + r.admin.AuthToken,
	}, "\n")
}

// NewUser implements [bridgetest.Remote].
func (r *RealRemote) NewUser(tb testing.TB, name string) bridge.UserID {
	tb.Helper()
	ctx := tb.Context()
	username := "p" + model.NewId()[:12]
	u, _, err := r.admin.CreateUser(ctx, &model.User{
		Username: username, Email: username + "@school.test", Password: realPassword, Nickname: name,
	})
	must(tb, "make person", err)
	_, _, err = r.admin.AddTeamMember(ctx, r.team.Id, u.Id)
	must(tb, "add person to team", err)
	client := model.NewAPIv4Client(r.admin.URL)
	_, _, err = client.Login(ctx, username, realPassword)
	must(tb, "log person in", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.people[bridge.UserID(u.Id)] = &person{name: username, client: client}
	return bridge.UserID(u.Id)
}

func (r *RealRemote) person(user bridge.UserID) *person {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.people[user]
}

// NewChat implements [bridgetest.Remote].
func (r *RealRemote) NewChat(tb testing.TB, private bool) (chat bridge.ChatID, ref string) {
	tb.Helper()
	ch := &model.Channel{TeamId: r.team.Id, Name: "c" + model.NewId()[:12], DisplayName: "Chat", Type: model.ChannelTypeOpen}
	if private {
		ch.Type = model.ChannelTypePrivate
	}
	made, _, err := r.admin.CreateChannel(tb.Context(), ch)
	must(tb, "make channel", err)
	return bridge.ChatID(made.Id), r.team.Name + "/" + made.Name
}

// Admit implements [bridgetest.Remote].
func (r *RealRemote) Admit(tb testing.TB, chat bridge.ChatID) {
	tb.Helper()
	r.admit(tb, chat, r.bot)
}

func (r *RealRemote) admit(tb testing.TB, chat bridge.ChatID, user string) {
	tb.Helper()
	key := string(chat) + user
	r.mu.Lock()
	inside, team := r.inside[key], r.elsewhere[string(chat)]
	r.mu.Unlock()
	if inside {
		return
	}
	if team != "" {
		_, _, err := r.admin.AddTeamMember(tb.Context(), team, user)
		must(tb, "add to team", err)
	}
	_, _, err := r.admin.AddChannelMember(tb.Context(), string(chat), user)
	must(tb, "add to channel", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside[key] = true
}

// RenameUser implements [bridgetest.Remote].
func (r *RealRemote) RenameUser(tb testing.TB, user bridge.UserID, name string) {
	tb.Helper()
	_, _, err := r.admin.PatchUser(tb.Context(), string(user), &model.UserPatch{Nickname: &name})
	must(tb, "rename person", err)
}

// SetAvatar implements [bridgetest.Remote].
func (r *RealRemote) SetAvatar(tb testing.TB, user bridge.UserID, png []byte) {
	tb.Helper()
	_, err := r.admin.SetProfileImage(tb.Context(), string(user), png)
	must(tb, "set picture", err)
}

// RenameChat implements [bridgetest.Remote].
func (r *RealRemote) RenameChat(tb testing.TB, chat bridge.ChatID, name string) {
	tb.Helper()
	_, _, err := r.admin.PatchChannel(tb.Context(), string(chat), &model.ChannelPatch{DisplayName: &name})
	must(tb, "rename channel", err)
}

// SetTopic implements [bridgetest.Remote].
func (r *RealRemote) SetTopic(tb testing.TB, chat bridge.ChatID, topic string) {
	tb.Helper()
	_, _, err := r.admin.PatchChannel(tb.Context(), string(chat), &model.ChannelPatch{Header: &topic})
	must(tb, "set header", err)
}

// Archive implements [bridgetest.Remote].
func (r *RealRemote) Archive(tb testing.TB, chat bridge.ChatID) {
	tb.Helper()
	_, err := r.admin.DeleteChannel(tb.Context(), string(chat))
	must(tb, "archive channel", err)
}

// Post implements [bridgetest.Remote].
func (r *RealRemote) Post(tb testing.TB, user bridge.UserID, chat bridge.ChatID, text string) bridge.MessageID {
	tb.Helper()
	r.admit(tb, chat, string(user))
	p, resp, err := r.person(user).client.CreatePost(tb.Context(), &model.Post{ChannelId: string(chat), Message: text})
	if err != nil && resp != nil && resp.StatusCode >= http.StatusBadRequest {
		return ""
	}
	must(tb, "post", err)
	return bridge.MessageID(p.Id)
}

// Reply implements [bridgetest.Remote].
func (r *RealRemote) Reply(tb testing.TB, user bridge.UserID, chat bridge.ChatID, root bridge.MessageID, text string) bridge.MessageID {
	tb.Helper()
	r.admit(tb, chat, string(user))
	p, _, err := r.person(user).client.CreatePost(tb.Context(), &model.Post{ChannelId: string(chat), RootId: string(root), Message: text})
	must(tb, "reply", err)
	return bridge.MessageID(p.Id)
}

// Edit implements [bridgetest.Remote].
func (r *RealRemote) Edit(tb testing.TB, user bridge.UserID, _ bridge.ChatID, id bridge.MessageID, text string) {
	tb.Helper()
	_, _, err := r.person(user).client.PatchPost(tb.Context(), string(id), &model.PostPatch{Message: &text})
	must(tb, "edit", err)
}

// Delete implements [bridgetest.Remote].
func (r *RealRemote) Delete(tb testing.TB, user bridge.UserID, _ bridge.ChatID, id bridge.MessageID) {
	tb.Helper()
	_, err := r.person(user).client.DeletePost(tb.Context(), string(id))
	must(tb, "delete", err)
}

// Messages implements [bridgetest.Remote].
func (r *RealRemote) Messages(tb testing.TB, chat bridge.ChatID) []bridgetest.RemoteMessage {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	var posts []*model.Post
	seen := map[string]bool{}
	for before := ""; ; {
		path := "/channels/" + string(chat) + "/posts?per_page=200&skipFetchThreads=true"
		if before != "" {
			path += "&before=" + before
		}
		resp, err := r.admin.DoAPIGet(ctx, path, "")
		must(tb, "read channel", err)
		var page model.PostList
		err = json.NewDecoder(resp.Body).Decode(&page)
		_ = resp.Body.Close()
		must(tb, "read channel", err)
		for _, id := range page.Order {
			if !seen[id] {
				seen[id] = true
				posts = append(posts, page.Posts[id])
			}
		}
		if len(page.Order) < 200 {
			break
		}
		before = page.Order[len(page.Order)-2] // the last may share its time with the next
	}
	slices.SortStableFunc(posts, func(a, b *model.Post) int { return int(a.CreateAt - b.CreateAt) })
	var out []bridgetest.RemoteMessage
	for _, p := range posts {
		if !p.IsSystemMessage() {
			author := ""
			if p.UserId != r.bot && r.person(bridge.UserID(p.UserId)) == nil {
				author = r.UserName(tb, bridge.UserID(p.UserId)) // a puppet
			}
			m := remoteMessage(p, r.bot, author, true)
			for _, f := range fileInfos(p) {
				m.Files = append(m.Files, bridgetest.RemoteFile{Name: f.Name, Data: r.download(ctx, tb, f.Id)})
			}
			out = append(out, m)
		}
	}
	return out
}

// BoldText implements [bridgetest.Remote].
func (r *RealRemote) BoldText(text string) string { return "**" + text + "**" }

// Can implements [bridgetest.Remote].
func (r *RealRemote) Can(f bridgetest.Fault) bool {
	// The server decides what it pushes when.
	return !slices.Contains([]bridgetest.Fault{bridgetest.FaultDuplicate, bridgetest.FaultReorder, bridgetest.FaultEchoFirst}, f)
}

// FailNext implements [bridgetest.Remote].
func (r *RealRemote) FailNext(tb testing.TB, n int, f bridgetest.Fault) {
	tb.Helper()
	r.proxy.failNext(n, f)
}

// Cut implements [bridgetest.Remote].
func (r *RealRemote) Cut(tb testing.TB) {
	tb.Helper()
	r.proxy.cut()
}

// DuplicatePushes implements [bridgetest.Remote].
func (r *RealRemote) DuplicatePushes(tb testing.TB, _ bool) { tb.Fatal("cannot") }

// ReorderPushes implements [bridgetest.Remote].
func (r *RealRemote) ReorderPushes(tb testing.TB, _ bool) { tb.Fatal("cannot") }

// EchoFirst implements [bridgetest.Remote].
func (r *RealRemote) EchoFirst(tb testing.TB, _ bool) { tb.Fatal("cannot") }

// Revoke implements [bridgetest.Remote].
func (r *RealRemote) Revoke(tb testing.TB) {
	tb.Helper()
	_, err := r.admin.RevokeUserAccessToken(tb.Context(), r.tokenID)
	must(tb, "revoke token", err)
}
