package mattermosttest

import (
	"cmp"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/mattermost/mattermost/server/public/model"
)

const (
	sinceLimit = 1000
	pageLimit  = 200
)

// shown lists a channel's posts that are not deleted, oldest first. It needs
// s.mu held.
func (s *Server) shown(channel string) []*model.Post {
	var out []*model.Post
	for _, id := range s.rows[channel] {
		if p := s.posts[id]; p.DeleteAt == 0 {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b *model.Post) int { return cmp.Compare(a.CreateAt, b.CreateAt) })
	return out
}

// read answers GET channels/{id}/posts.
func (s *Server) read(user, channel string, query url.Values) (*model.PostList, *model.AppError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.channels[channel]
	if ch == nil || !s.members[channel][user] && (ch.Type != model.ChannelTypeOpen || !s.inTeam[ch.TeamId][user]) {
		return nil, noPermission()
	}
	if since, err := strconv.ParseInt(query.Get("since"), 10, 64); err == nil && since > 0 {
		return s.since(channel, since), nil
	}
	rows := s.shown(channel)
	size := pageLimit
	if n, err := strconv.Atoi(query.Get("per_page")); err == nil {
		size = min(n, pageLimit)
	}
	page, _ := strconv.Atoi(query.Get("page"))
	after := query.Get("after")
	for _, anchor := range []string{query.Get("before"), after} {
		if anchor != "" && (len(anchor) != 26 || s.posts[anchor] == nil) {
			return s.list(nil), nil // the comparison with nothing is never true
		}
	}
	switch before := query.Get("before"); {
	case after != "":
		at := s.posts[after].CreateAt
		rows = slices.DeleteFunc(rows, func(p *model.Post) bool { return p.CreateAt <= at })
		rows = rows[min(page*size, len(rows)):min((page+1)*size, len(rows))]
		slices.Reverse(rows)
		return s.list(rows), nil
	case before != "":
		at := s.posts[before].CreateAt
		rows = slices.DeleteFunc(rows, func(p *model.Post) bool { return p.CreateAt >= at })
	}
	slices.Reverse(rows)
	return s.list(rows[min(page*size, len(rows)):min((page+1)*size, len(rows))]), nil
}

// since answers what has changed after ms, cut to 1000 rows of no order, and
// nothing when the cache says so. It needs s.mu held.
func (s *Server) since(channel string, ms int64) *model.PostList {
	if latest, ok := s.latest[channel]; ok && ms >= latest {
		return s.list(nil)
	}
	if s.faults.staleSince() {
		return s.list(nil)
	}
	var rows []*model.Post
	for _, id := range s.rows[channel] {
		if p := s.posts[id]; p.UpdateAt > ms {
			rows = append(rows, p)
		}
	}
	if len(rows) > sinceLimit {
		slices.SortFunc(rows, func(a, b *model.Post) int { return cmp.Compare(scramble(a.Id), scramble(b.Id)) })
		rows = rows[:sinceLimit]
	}
	latest := ms
	for _, p := range rows {
		latest = max(latest, p.UpdateAt)
	}
	s.latest[channel] = latest
	slices.SortStableFunc(rows, func(a, b *model.Post) int { return cmp.Compare(b.CreateAt, a.CreateAt) })
	return s.list(rows)
}

func scramble(id string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash takes everything
	return h.Sum32()
}

func (s *Server) list(rows []*model.Post) *model.PostList {
	out := &model.PostList{Order: []string{}, Posts: map[string]*model.Post{}}
	for _, p := range rows {
		out.Order = append(out.Order, p.Id)
		out.Posts[p.Id] = s.told(p)
	}
	return out
}

// visible reads one post for a user.
func (s *Server) visible(user, id string) (*model.Post, *model.AppError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.posts[id]
	if p == nil || p.DeleteAt > 0 {
		return nil, refuse(http.StatusNotFound, "app.post.get.app_error")
	}
	if !s.members[p.ChannelId][user] {
		return nil, noPermission()
	}
	return s.told(p), nil
}
