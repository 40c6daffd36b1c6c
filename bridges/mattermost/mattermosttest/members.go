package mattermosttest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"
	"golang.org/x/sync/errgroup"

	"github.com/steg-bridge/steg/core/bridge"
)

// active lists the accounts in a channel that are not closed, by name. It needs
// s.mu held.
func (s *Server) active(channel string) []*model.User {
	out := []*model.User{}
	for user := range s.members[channel] {
		if u := s.users[user]; u.DeleteAt == 0 {
			copied := *u
			out = append(out, &copied)
		}
	}
	slices.SortFunc(out, func(a, b *model.User) int { return strings.Compare(a.Username, b.Username) })
	return out
}

func (s *Server) memberRoutes(handle func(string, http.HandlerFunc)) {
	handle("GET /channels/{id}/stats", func(w http.ResponseWriter, r *http.Request) {
		_, err := s.channelFor(caller(r), r.PathValue("id"))
		s.mu.Lock()
		n := len(s.active(r.PathValue("id")))
		s.mu.Unlock()
		answer(w, http.StatusOK, &model.ChannelStats{ChannelId: r.PathValue("id"), MemberCount: int64(n)}, err)
	})
	handle("GET /users", func(w http.ResponseWriter, r *http.Request) {
		users, err := s.usersIn(caller(r), r.URL.Query())
		s.mu.Lock()
		between := s.betweenPages
		s.mu.Unlock()
		if between != nil {
			between()
		}
		answer(w, http.StatusOK, users, err)
	})
}

func (s *Server) usersIn(user string, query url.Values) ([]*model.User, *model.AppError) {
	channel := query.Get("in_channel")
	if _, err := s.channelFor(user, channel); err != nil || query.Get("active") != "true" {
		return nil, noPermission()
	}
	page, _ := strconv.Atoi(query.Get("page"))
	size, err := strconv.Atoi(query.Get("per_page"))
	if err != nil || size > pageLimit {
		size = pageLimit
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.active(channel)
	return all[min(page*size, len(all)):min((page+1)*size, len(all))], nil
}

// BetweenPages runs f whenever a page of a list of members was read; nil ends it.
func (s *Server) BetweenPages(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.betweenPages = f
}

// Fill makes many accounts that are in a channel, without a word about each.
func (s *Server) Fill(channel string, count int) []string {
	out := make([]string, count)
	for i := range out {
		out[i] = s.NewUser(fmt.Sprintf("p%05d-%s", i, model.NewId()[:8]), "Person "+strconv.Itoa(i))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, user := range out {
		s.members[channel][user] = true
		s.inTeam[s.channels[channel].TeamId][user] = true
	}
	return out
}

// LeaveTeam takes a user out of a team and its channels, of which no channel tells.
func (s *Server) LeaveTeam(team, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inTeam[team], user)
	for id, ch := range s.channels {
		if ch.TeamId == team {
			delete(s.members[id], user)
		}
	}
}

// Enter implements [bridgetest.Remote].
func (r *Remote) Enter(tb testing.TB, user bridge.UserID, chat bridge.ChatID) {
	tb.Helper()
	r.Server.Join(string(chat), string(user), r.owner(tb))
}

// Exit implements [bridgetest.Remote].
func (r *Remote) Exit(tb testing.TB, user bridge.UserID, chat bridge.ChatID) {
	tb.Helper()
	r.Server.Leave(string(chat), string(user), r.owner(tb))
}

func (r *Remote) owner(tb testing.TB) string {
	tb.Helper()
	return string(r.NewUser(tb, "Owner"))
}

// Crowd implements [bridgetest.Remote].
func (r *Remote) Crowd(tb testing.TB, chat bridge.ChatID, count int) []bridge.UserID {
	tb.Helper()
	var out []bridge.UserID
	for _, user := range r.Server.Fill(string(chat), count) {
		out = append(out, bridge.UserID(user))
	}
	return out
}

// CloseAccount implements [bridgetest.Remote].
func (r *Remote) CloseAccount(tb testing.TB, user bridge.UserID) {
	tb.Helper()
	r.Server.UpdateUser(string(user), func(u *model.User) { u.DeleteAt = u.UpdateAt })
}

// Enter implements [bridgetest.Remote].
func (r *RealRemote) Enter(tb testing.TB, user bridge.UserID, chat bridge.ChatID) {
	tb.Helper()
	r.admit(tb, chat, string(user))
}

// Exit implements [bridgetest.Remote].
func (r *RealRemote) Exit(tb testing.TB, user bridge.UserID, chat bridge.ChatID) {
	tb.Helper()
	_, err := r.admin.RemoveUserFromChannel(tb.Context(), string(chat), string(user))
	must(tb, "remove from channel", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.inside, string(chat)+string(user))
}

// crowdMakers is how many accounts are made at once.
const crowdMakers = 4

// Crowd implements [bridgetest.Remote] with bot accounts: the server takes 250
// people, but any number of those.
func (r *RealRemote) Crowd(tb testing.TB, chat bridge.ChatID, count int) []bridge.UserID {
	tb.Helper()
	ctx := tb.Context()
	var mu sync.Mutex
	var out []bridge.UserID
	var group errgroup.Group
	group.SetLimit(crowdMakers)
	for range count {
		group.Go(func() error {
			bot, _, err := r.admin.CreateBot(ctx, &model.Bot{Username: "c" + model.NewId()[:16]})
			if err != nil {
				return err
			}
			if _, _, err = r.admin.AddTeamMember(ctx, r.team.Id, bot.UserId); err != nil {
				return err
			}
			if _, _, err = r.admin.AddChannelMember(ctx, string(chat), bot.UserId); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			out = append(out, bridge.UserID(bot.UserId))
			return nil
		})
	}
	must(tb, "make a crowd", group.Wait())
	return out
}

// CloseAccount implements [bridgetest.Remote].
func (r *RealRemote) CloseAccount(tb testing.TB, user bridge.UserID) {
	tb.Helper()
	_, err := r.admin.DeleteUser(tb.Context(), string(user))
	must(tb, "deactivate", err)
}
