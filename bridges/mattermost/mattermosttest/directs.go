package mattermosttest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

var (
	_ bridgetest.RemoteDirects = (*Remote)(nil)
	_ bridgetest.RemoteDirects = (*RealRemote)(nil)
)

// Direct returns the direct or group channel of just these people, and makes it when
// there is none.
func (s *Server) Direct(people ...string) *model.Channel {
	slices.Sort(people)
	name, kind := strings.Join(people, "__"), model.ChannelTypeDirect
	if len(people) > 2 {
		name, kind = model.GetGroupNameFromUserIds(people), model.ChannelTypeGroup
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range s.channels {
		if ch.Name == name && ch.TeamId == "" {
			copied := *ch
			return &copied
		}
	}
	at := s.tick()
	ch := &model.Channel{Id: model.NewId(), Name: name, Type: kind, CreateAt: at, UpdateAt: at}
	s.channels[ch.Id] = ch
	s.members[ch.Id] = map[string]bool{}
	for _, user := range people {
		s.members[ch.Id][user] = true
	}
	copied := *ch
	return &copied
}

func (s *Server) directRoutes(handle func(string, http.HandlerFunc)) {
	open := func(w http.ResponseWriter, r *http.Request) {
		people, ok := decode[[]string](w, r)
		if !ok {
			return
		}
		s.mu.Lock()
		unknown := slices.ContainsFunc(people, func(u string) bool { return s.users[u] == nil })
		s.mu.Unlock()
		if unknown || !slices.Contains(people, caller(r)) {
			writeError(w, noPermission()) // as the real server says of people it does not know
			return
		}
		answer(w, http.StatusCreated, s.Direct(people...), nil)
	}
	handle("POST /channels/direct", open)
	handle("POST /channels/group", open)
	handle("GET /channels/{id}/members", func(w http.ResponseWriter, r *http.Request) {
		_, err := s.channelFor(caller(r), r.PathValue("id"))
		var out []map[string]string
		s.mu.Lock()
		for user := range s.members[r.PathValue("id")] {
			out = append(out, map[string]string{"user_id": user})
		}
		s.mu.Unlock()
		answer(w, http.StatusOK, out, err)
	})
}

// Direct implements [bridgetest.RemoteDirects].
func (r *Remote) Direct(_ testing.TB, people ...bridge.UserID) bridge.ChatID {
	return bridge.ChatID(r.Server.Direct(words(people)...).Id)
}

func words(people []bridge.UserID) []string {
	out := make([]string, len(people))
	for n, u := range people {
		out[n] = string(u)
	}
	return out
}

// Direct implements [bridgetest.RemoteDirects].
func (r *RealRemote) Direct(tb testing.TB, people ...bridge.UserID) bridge.ChatID {
	tb.Helper()
	by := r.person(people[0]).client
	var ch *model.Channel
	var err error
	if len(people) == 2 {
		ch, _, err = by.CreateDirectChannel(tb.Context(), string(people[0]), string(people[1]))
	} else {
		ch, _, err = by.CreateGroupChannel(tb.Context(), words(people))
	}
	must(tb, "open direct channel", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range people {
		r.inside[ch.Id+string(u)] = true
	}
	return bridge.ChatID(ch.Id)
}
