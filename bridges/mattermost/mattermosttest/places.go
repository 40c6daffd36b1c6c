package mattermosttest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
)

// channelFor reads a channel for a user.
func (s *Server) channelFor(user, id string) (*model.Channel, *model.AppError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.channels[id]
	if ch == nil {
		return nil, refuse(http.StatusNotFound, "app.channel.get.existing.app_error")
	}
	if u := s.users[user]; u != nil && u.IsSystemAdmin() {
		copied := *ch
		return &copied, nil
	}
	if !s.members[id][user] && (ch.Type != model.ChannelTypeOpen || !s.inTeam[ch.TeamId][user]) {
		return nil, noPermission()
	}
	copied := *ch
	return &copied, nil
}

func (s *Server) channelRoutes(handle func(string, http.HandlerFunc)) {
	handle("GET /channels/{id}", func(w http.ResponseWriter, r *http.Request) {
		ch, err := s.channelFor(caller(r), r.PathValue("id"))
		answer(w, http.StatusOK, ch, err)
	})
	handle("GET /channels/{id}/members/me", func(w http.ResponseWriter, r *http.Request) {
		_, err := s.channelFor(caller(r), r.PathValue("id"))
		if err == nil && !s.inChannel(r.PathValue("id"))(caller(r)) {
			err = noPermission()
		}
		answer(w, http.StatusOK, map[string]string{"user_id": caller(r)}, err)
	})
	handle("GET /channels/{id}/members/{user}", func(w http.ResponseWriter, r *http.Request) {
		_, err := s.channelFor(caller(r), r.PathValue("id"))
		if err == nil && !s.inChannel(r.PathValue("id"))(r.PathValue("user")) {
			err = refuse(http.StatusNotFound, "app.channel.get_member.missing.app_error")
		}
		member := &model.ChannelMember{ChannelId: r.PathValue("id"), UserId: r.PathValue("user"), Roles: "channel_user", SchemeUser: true}
		if s.runs(member.UserId, member.ChannelId) {
			member.Roles, member.SchemeAdmin = "channel_user channel_admin", true
		}
		answer(w, http.StatusOK, member, err)
	})
	handle("POST /channels/{id}/members", func(w http.ResponseWriter, r *http.Request) {
		in, ok := decode[map[string]string](w, r)
		if !ok {
			return
		}
		ch, err := s.channelFor(caller(r), r.PathValue("id"))
		if err == nil && s.isAdmin(caller(r)) {
			s.Join(ch.Id, in["user_id"], caller(r))
			answer(w, http.StatusCreated, in, nil)
			return
		}
		if err == nil && (ch.Type != model.ChannelTypeOpen || in["user_id"] != caller(r)) {
			err = noPermission()
		}
		if err == nil {
			s.Join(ch.Id, caller(r), "")
		}
		answer(w, http.StatusCreated, map[string]string{"user_id": caller(r)}, err)
	})
	handle("GET /users/me/channels", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		out := []*model.Channel{}
		for id, ch := range s.channels {
			team := s.teams[ch.TeamId] // none of a direct one
			if s.members[id][caller(r)] && ch.DeleteAt == 0 && (team == nil || team.DeleteAt == 0) {
				copied := *ch
				out = append(out, &copied)
			}
		}
		s.mu.Unlock()
		answer(w, http.StatusOK, out, nil)
	})
	s.teamRoutes(handle)
}

// teamFor reads a team for a user.
func (s *Server) teamFor(user string, is func(*model.Team) bool) (*model.Team, *model.AppError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, t := range s.teams {
		if is(t) {
			if !s.inTeam[id][user] {
				return nil, noPermission()
			}
			copied := *t
			return &copied, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "app.team.get.find.app_error")
}

func (s *Server) teamRoutes(handle func(string, http.HandlerFunc)) {
	handle("GET /teams/{id}", func(w http.ResponseWriter, r *http.Request) {
		t, err := s.teamFor(caller(r), func(t *model.Team) bool { return t.Id == r.PathValue("id") })
		answer(w, http.StatusOK, t, err)
	})
	handle("GET /teams/{id}/{part}", func(w http.ResponseWriter, r *http.Request) {
		id, part := r.PathValue("id"), r.PathValue("part")
		switch {
		case id == "name":
			t, err := s.teamFor(caller(r), func(t *model.Team) bool { return t.Name == part })
			answer(w, http.StatusOK, t, err)
		case part == "channels":
			_, err := s.teamFor(caller(r), func(t *model.Team) bool { return t.Id == id })
			answer(w, http.StatusOK, s.publicChannels(id, r.URL.Query().Get("page")), err)
		default:
			http.NotFound(w, r)
		}
	})
	handle("GET /teams/{id}/members/{user}", func(w http.ResponseWriter, r *http.Request) {
		_, err := s.teamFor(caller(r), func(t *model.Team) bool { return t.Id == r.PathValue("id") })
		member := &model.TeamMember{TeamId: r.PathValue("id"), UserId: r.PathValue("user"), Roles: "team_user", SchemeUser: true}
		if s.runs(member.UserId, member.TeamId) {
			member.Roles, member.SchemeAdmin = "team_user team_admin", true
		}
		answer(w, http.StatusOK, member, err)
	})
	handle("GET /users/me/teams", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		out := []*model.Team{}
		for id, t := range s.teams {
			if s.inTeam[id][caller(r)] && t.DeleteAt == 0 {
				copied := *t
				out = append(out, &copied)
			}
		}
		s.mu.Unlock()
		answer(w, http.StatusOK, out, nil)
	})
	handle("GET /teams/{id}/channels/name/{name}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		id := ""
		for _, ch := range s.channels {
			if ch.TeamId == r.PathValue("id") && ch.Name == r.PathValue("name") {
				id = ch.Id
			}
		}
		s.mu.Unlock()
		if id == "" {
			writeError(w, refuse(http.StatusNotFound, "app.channel.get_by_name.missing.app_error"))
			return
		}
		ch, err := s.channelFor(caller(r), id)
		if err != nil { // a private channel does not show itself
			err = refuse(http.StatusNotFound, "app.channel.get_by_name.missing.app_error")
		}
		answer(w, http.StatusOK, ch, err)
	})
}

func (s *Server) publicChannels(team, page string) []*model.Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []*model.Channel{}
	for _, ch := range s.channels {
		if ch.TeamId == team && ch.Type == model.ChannelTypeOpen && ch.DeleteAt == 0 {
			copied := *ch
			out = append(out, &copied)
		}
	}
	slices.SortFunc(out, func(a, b *model.Channel) int { return strings.Compare(a.DisplayName+a.Id, b.DisplayName+b.Id) })
	n, _ := strconv.Atoi(page) // no number is page 0
	return out[min(n*pageLimit, len(out)):min((n+1)*pageLimit, len(out))]
}

func (s *Server) userRoutes(handle func(string, http.HandlerFunc)) {
	find := func(is func(*model.User) bool) []*model.User {
		s.mu.Lock()
		defer s.mu.Unlock()
		out := []*model.User{}
		for _, u := range s.users {
			if is(u) {
				copied := *u
				out = append(out, &copied)
			}
		}
		return out
	}
	one := func(w http.ResponseWriter, id string) {
		found := find(func(u *model.User) bool { return u.Id == id })
		if len(found) == 0 {
			writeError(w, refuse(http.StatusNotFound, "app.user.missing_account.const"))
			return
		}
		answer(w, http.StatusOK, found[0], nil)
	}
	handle("GET /users/me", func(w http.ResponseWriter, r *http.Request) { one(w, caller(r)) })
	handle("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) { one(w, r.PathValue("id")) })
	handle("POST /users/ids", func(w http.ResponseWriter, r *http.Request) {
		if ids, ok := decode[[]string](w, r); ok {
			answer(w, http.StatusOK, find(func(u *model.User) bool { return slices.Contains(ids, u.Id) }), nil)
		}
	})
	handle("POST /users/usernames", func(w http.ResponseWriter, r *http.Request) {
		if names, ok := decode[[]string](w, r); ok {
			answer(w, http.StatusOK, find(func(u *model.User) bool { return slices.Contains(names, u.Username) }), nil)
		}
	})
	s.memberRoutes(handle)
	handle("POST /users/{id}/typing", s.typing)
	handle("POST /users/status/ids", s.statusOf)
	handle("GET /users/{id}/image", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		picture := s.pictures[r.PathValue("id")]
		s.mu.Unlock()
		if picture == nil {
			writeError(w, refuse(http.StatusNotFound, "api.user.get_profile_image.not_found.app_error"))
			return
		}
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(picture) // the caller may be gone
	})
}
