package mattermosttest

import (
	"net/http"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

var (
	_ bridgetest.RemotePuppets = (*Remote)(nil)
	_ bridgetest.RemotePuppets = (*RealRemote)(nil)
)

// NewAdmin makes a system administrator and returns an access token.
func (s *Server) NewAdmin(username string) (user, token string) {
	user = s.newUser(username, "", false)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[user].Roles = model.SystemUserRoleId + " " + model.SystemAdminRoleId
	return user, s.newToken(user)
}

// TokenOf makes an access token of an account.
func (s *Server) TokenOf(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newToken(user)
}

// Username is the name of an account.
func (s *Server) Username(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users[user].Username
}

// newToken needs s.mu held.
func (s *Server) newToken(user string) string {
	token := model.NewId()
	s.tokens[token] = &session{user: user}
	return token
}

func (s *Server) isAdmin(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[user]
	return u != nil && u.IsSystemAdmin()
}

// byAdmin lets only an administrator in; bots make no bots.
func (s *Server) byAdmin(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		u := s.users[caller(r)]
		s.mu.Unlock()
		if u == nil || !u.IsSystemAdmin() || u.IsBot {
			writeError(w, noPermission())
			return
		}
		h(w, r)
	}
}

func (s *Server) puppetRoutes(handle func(string, http.HandlerFunc)) {
	handle("POST /bots", s.byAdmin(s.createBot))
	handle("PUT /bots/{id}", s.byAdmin(func(w http.ResponseWriter, r *http.Request) {
		patch, ok := decode[*model.BotPatch](w, r)
		if !ok {
			return
		}
		s.UpdateUser(r.PathValue("id"), func(u *model.User) { u.FirstName = *patch.DisplayName })
		answer(w, http.StatusOK, map[string]string{"user_id": r.PathValue("id")}, nil)
	}))
	handle("GET /bots/{id}", s.byAdmin(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		bot := s.bots[r.PathValue("id")]
		if bot == nil {
			writeError(w, refuse(http.StatusNotFound, "store.sql_bot.get.missing.app_error"))
			return
		}
		answer(w, http.StatusOK, bot, nil)
	}))
	handle("POST /users/{id}/tokens", s.byAdmin(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		answer(w, http.StatusOK, &model.UserAccessToken{UserId: r.PathValue("id"), Token: s.newToken(r.PathValue("id"))}, nil)
	}))
	handle("POST /users/{id}/image", s.byAdmin(func(w http.ResponseWriter, r *http.Request) {
		file, _, err := r.FormFile("image")
		if err != nil {
			writeError(w, refuse(http.StatusBadRequest, "api.user.upload_profile_user.no_file.app_error"))
			return
		}
		defer file.Close() //nolint:errcheck // read only
		head := make([]byte, 512)
		n, _ := file.Read(head)
		if http.DetectContentType(head[:n]) != "image/png" {
			writeError(w, refuse(http.StatusBadRequest, "api.user.upload_profile_user.decode.app_error"))
			return
		}
		s.SetPicture(r.PathValue("id"), head[:n])
		answer(w, http.StatusOK, map[string]string{"status": "OK"}, nil)
	}))
	handle("DELETE /users/{id}/image", s.byAdmin(func(w http.ResponseWriter, r *http.Request) {
		s.SetPicture(r.PathValue("id"), nil)
		s.UpdateUser(r.PathValue("id"), func(u *model.User) { u.LastPictureUpdate = 0 })
		answer(w, http.StatusOK, map[string]string{"status": "OK"}, nil)
	}))
	handle("POST /teams/{id}/members", s.byAdmin(func(w http.ResponseWriter, r *http.Request) {
		in, ok := decode[map[string]string](w, r)
		if !ok {
			return
		}
		s.mu.Lock()
		s.inTeam[r.PathValue("id")][in["user_id"]] = true
		s.mu.Unlock()
		answer(w, http.StatusCreated, in, nil)
	}))
	handle("DELETE /channels/{id}/members/{user}", s.byAdmin(func(w http.ResponseWriter, r *http.Request) {
		if !s.inChannel(r.PathValue("id"))(r.PathValue("user")) {
			writeError(w, refuse(http.StatusNotFound, "app.channel.get_member.missing.app_error"))
			return
		}
		s.Leave(r.PathValue("id"), r.PathValue("user"), caller(r))
		answer(w, http.StatusOK, map[string]string{"status": "OK"}, nil)
	}))
	handle("GET /config", s.byAdmin(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{
			"ServiceSettings": map[string]any{"EnableBotAccountCreation": true},
			"TeamSettings":    map[string]any{"MaxUsersPerTeam": 50},
		}, nil)
	}))
}

func (s *Server) createBot(w http.ResponseWriter, r *http.Request) {
	in, ok := decode[*model.Bot](w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	taken := !model.IsValidUsername(in.Username)
	for _, u := range s.users {
		taken = taken || u.Username == in.Username
	}
	s.mu.Unlock()
	if taken {
		writeError(w, refuse(http.StatusBadRequest, "app.user.save.username_exists.app_error"))
		return
	}
	id := s.newUser(in.Username, "", true)
	s.mu.Lock()
	s.users[id].FirstName = in.DisplayName
	in.UserId, in.OwnerId = id, caller(r)
	s.bots[id] = in
	s.mu.Unlock()
	s.tellOwner(id, caller(r))
	answer(w, http.StatusCreated, in, nil)
}

// tellOwner writes to who has made a bot account, in that account's name, as the
// server does.
func (s *Server) tellOwner(bot, owner string) {
	ch := s.Direct(bot, owner)
	_, _ = s.Post(bot, &model.Post{ChannelId: ch.Id, Message: "Please add me to teams and channels"}) // it may, always
}

// UserName implements [bridgetest.RemotePuppets].
func (r *Remote) UserName(_ testing.TB, user bridge.UserID) string {
	r.Server.mu.Lock()
	defer r.Server.mu.Unlock()
	return r.Server.users[string(user)].GetDisplayName(model.ShowNicknameFullName)
}

// HasPicture implements [bridgetest.RemotePuppets].
func (r *Remote) HasPicture(_ testing.TB, user bridge.UserID) bool {
	r.Server.mu.Lock()
	defer r.Server.mu.Unlock()
	return r.Server.users[string(user)].LastPictureUpdate > 0
}

// InChat implements [bridgetest.RemotePuppets].
func (r *Remote) InChat(_ testing.TB, user bridge.UserID, chat bridge.ChatID) bool {
	return r.Server.inChannel(string(chat))(string(user))
}

// Disable implements [bridgetest.RemotePuppets].
func (r *Remote) Disable(tb testing.TB, user bridge.UserID) {
	tb.Helper()
	r.CloseAccount(tb, user)
	r.Server.mu.Lock()
	defer r.Server.mu.Unlock()
	for _, session := range r.Server.tokens {
		session.revoked = session.revoked || session.user == string(user)
	}
}

// UserName implements [bridgetest.RemotePuppets].
func (r *RealRemote) UserName(tb testing.TB, user bridge.UserID) string {
	tb.Helper()
	return r.user(tb, user).GetDisplayName(model.ShowNicknameFullName)
}

func (r *RealRemote) user(tb testing.TB, user bridge.UserID) *model.User {
	tb.Helper()
	u, _, err := r.admin.GetUser(tb.Context(), string(user), "")
	must(tb, "read account", err)
	return u
}

// HasPicture implements [bridgetest.RemotePuppets].
func (r *RealRemote) HasPicture(tb testing.TB, user bridge.UserID) bool {
	tb.Helper()
	return r.user(tb, user).LastPictureUpdate > 0
}

// InChat implements [bridgetest.RemotePuppets].
func (r *RealRemote) InChat(tb testing.TB, user bridge.UserID, chat bridge.ChatID) bool {
	tb.Helper()
	_, resp, err := r.admin.GetChannelMember(tb.Context(), string(chat), string(user), "")
	if resp != nil && resp.StatusCode == http.StatusNotFound {
		return false
	}
	must(tb, "read member", err)
	return true
}

// Disable implements [bridgetest.RemotePuppets].
func (r *RealRemote) Disable(tb testing.TB, user bridge.UserID) {
	tb.Helper()
	_, _, err := r.admin.DisableBot(tb.Context(), string(user))
	must(tb, "disable", err)
}
