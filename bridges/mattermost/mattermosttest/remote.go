package mattermosttest

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// Remote drives a Server for the conformance suite.
type Remote struct {
	Server *Server
	Team   string // ID of the team that the chats are made in
	Bot    string // user ID of the login
	Token  string // of the login
	Admin  string // token of the account that makes others
}

var _ bridgetest.Remote = (*Remote)(nil)

// NewRemote makes a server with a team and a bot account.
func NewRemote(tb testing.TB) *Remote {
	tb.Helper()
	s := New(tb)
	team := s.NewTeam("school")
	bot, token := s.NewBot("steg", team)
	_, admin := s.NewAdmin("admin")
	return &Remote{Server: s, Team: team, Bot: bot, Token: token, Admin: admin}
}

// NewUser implements [bridgetest.Remote].
func (r *Remote) NewUser(tb testing.TB, name string) bridge.UserID {
	tb.Helper()
	user := r.Server.NewUser("p"+model.NewId()[:12], name)
	r.Server.mu.Lock()
	defer r.Server.mu.Unlock()
	r.Server.inTeam[r.Team][user] = true
	return bridge.UserID(user)
}

// NewChat implements [bridgetest.Remote].
func (r *Remote) NewChat(tb testing.TB, private bool) (chat bridge.ChatID, ref string) {
	tb.Helper()
	name := "c" + model.NewId()[:12]
	return bridge.ChatID(r.Server.NewChannel(r.Team, name, private)), "school/" + name
}

// Admit implements [bridgetest.Remote].
func (r *Remote) Admit(tb testing.TB, chat bridge.ChatID) {
	tb.Helper()
	r.Server.Join(string(chat), r.Bot, r.Server.NewUser("p"+model.NewId()[:12], "Owner"))
}

// RenameUser implements [bridgetest.Remote].
func (r *Remote) RenameUser(tb testing.TB, user bridge.UserID, name string) {
	tb.Helper()
	r.Server.UpdateUser(string(user), func(u *model.User) { u.Nickname = name })
}

// SetAvatar implements [bridgetest.Remote].
func (r *Remote) SetAvatar(tb testing.TB, user bridge.UserID, png []byte) {
	tb.Helper()
	r.Server.SetPicture(string(user), png)
}

// RenameChat implements [bridgetest.Remote].
func (r *Remote) RenameChat(tb testing.TB, chat bridge.ChatID, name string) {
	tb.Helper()
	r.Server.UpdateChannel(string(chat), func(ch *model.Channel) { ch.DisplayName = name })
}

// SetTopic implements [bridgetest.Remote].
func (r *Remote) SetTopic(tb testing.TB, chat bridge.ChatID, topic string) {
	tb.Helper()
	r.Server.UpdateChannel(string(chat), func(ch *model.Channel) { ch.Header = topic })
}

// Archive implements [bridgetest.Remote].
func (r *Remote) Archive(tb testing.TB, chat bridge.ChatID) {
	tb.Helper()
	r.Server.Archive(string(chat), true)
}

// Post implements [bridgetest.Remote].
func (r *Remote) Post(tb testing.TB, user bridge.UserID, chat bridge.ChatID, text string) bridge.MessageID {
	tb.Helper()
	return r.post(user, &model.Post{ChannelId: string(chat), Message: text})
}

func (r *Remote) post(user bridge.UserID, p *model.Post) bridge.MessageID {
	r.Server.Join(p.ChannelId, string(user), "")
	made, err := r.Server.Post(string(user), p)
	if err != nil {
		return ""
	}
	return bridge.MessageID(made.Id)
}

// Reply implements [bridgetest.Remote].
func (r *Remote) Reply(tb testing.TB, user bridge.UserID, chat bridge.ChatID, root bridge.MessageID, text string) bridge.MessageID {
	tb.Helper()
	id := r.post(user, &model.Post{ChannelId: string(chat), RootId: string(root), Message: text})
	if id == "" {
		tb.Fatal("the server refuses the reply")
	}
	return id
}

// Edit implements [bridgetest.Remote].
func (r *Remote) Edit(tb testing.TB, user bridge.UserID, _ bridge.ChatID, id bridge.MessageID, text string) {
	tb.Helper()
	if _, err := r.Server.Patch(string(user), string(id), &model.PostPatch{Message: &text}); err != nil {
		tb.Fatalf("edit: %s", err.Id)
	}
}

// Delete implements [bridgetest.Remote].
func (r *Remote) Delete(tb testing.TB, user bridge.UserID, _ bridge.ChatID, id bridge.MessageID) {
	tb.Helper()
	if err := r.Server.Delete(string(user), string(id)); err != nil {
		tb.Fatalf("delete: %s", err.Id)
	}
}

// Messages implements [bridgetest.Remote].
func (r *Remote) Messages(tb testing.TB, chat bridge.ChatID) []bridgetest.RemoteMessage {
	tb.Helper()
	s := r.Server
	var out []bridgetest.RemoteMessage
	for _, p := range s.Live(string(chat)) {
		s.mu.Lock()
		author, override := s.users[p.UserId].GetDisplayName(model.ShowNicknameFullName), s.switches.NameOverride
		s.mu.Unlock()
		m := remoteMessage(p, r.Bot, author, override)
		for _, f := range fileInfos(p) {
			m.Files = append(m.Files, bridgetest.RemoteFile{Name: f.Name, Data: s.FileData(f.Id)})
		}
		out = append(out, m)
	}
	return out
}

// remoteMessage is a post as the web client shows it.
func remoteMessage(p *model.Post, bot, author string, override bool) bridgetest.RemoteMessage {
	if name, ok := p.GetProp("override_username").(string); ok && override && p.GetProp("from_webhook") == "true" {
		author = name
	}
	return bridgetest.RemoteMessage{
		ID: bridge.MessageID(p.Id), User: bridge.UserID(p.UserId), Author: author, Text: p.Message,
		Root: bridge.MessageID(p.RootId), Edited: p.EditAt > 0, FromUs: p.UserId == bot,
		Alarm: alarms(p.Message), Time: time.UnixMilli(p.CreateAt),
	}
}

var (
	codePart  = regexp.MustCompile("(?s)```.*?```|`[^`]*`")
	everybody = regexp.MustCompile(`(?i)(^|[^\w@/])@(all|channel|here)\b`)
)

// alarms tells whether the server would notify everybody: by the word anywhere
// outside code. A backslash before it does not help.
func alarms(text string) bool {
	return everybody.MatchString(codePart.ReplaceAllString(text, ""))
}

// BoldText implements [bridgetest.Remote].
func (r *Remote) BoldText(text string) string { return "**" + text + "**" }

// Can implements [bridgetest.Remote].
func (r *Remote) Can(bridgetest.Fault) bool { return true }

// FailNext implements [bridgetest.Remote].
func (r *Remote) FailNext(tb testing.TB, n int, f bridgetest.Fault) {
	tb.Helper()
	r.Server.FailNext(r.Bot, n, f)
}

// Cut implements [bridgetest.Remote].
func (r *Remote) Cut(tb testing.TB) {
	tb.Helper()
	r.Server.Cut(r.Bot)
}

// DuplicatePushes implements [bridgetest.Remote].
func (r *Remote) DuplicatePushes(tb testing.TB, on bool) {
	tb.Helper()
	r.Server.DuplicatePushes(on)
}

// ReorderPushes implements [bridgetest.Remote].
func (r *Remote) ReorderPushes(tb testing.TB, on bool) {
	tb.Helper()
	r.Server.ReorderPushes(on)
}

// EchoFirst implements [bridgetest.Remote].
func (r *Remote) EchoFirst(tb testing.TB, on bool) {
	tb.Helper()
	r.Server.EchoFirst(on)
}

// Revoke implements [bridgetest.Remote].
func (r *Remote) Revoke(tb testing.TB) {
	tb.Helper()
	r.Server.Revoke(r.Token)
}

// Config is what an operator would write for the bridge to use this server, with
// short times.
func (r *Remote) Config() string {
	return strings.Join([]string{
		"url: " + r.Server.URL(), "token: " + r.Token, "timeout: 5s", "keepalive: 1s",
		"identity: bots", "admin_token: " + r.Admin,
	}, "\n")
}
