package mattermosttest

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/mattermost/mattermost/server/public/model"
)

func refuse(status int, id string) *model.AppError {
	return model.NewAppError("", id, nil, "", status)
}

func noPermission() *model.AppError {
	return refuse(http.StatusForbidden, "api.context.permissions.app_error")
}

// Post writes a post as a user, as the API would.
func (s *Server) Post(user string, in *model.Post) (*model.Post, *model.AppError) {
	post, _, err := s.create(user, in)
	return post, err
}

// create writes a post. The channels are closed when the sockets of the channel's
// members have been written to.
func (s *Server) create(user string, in *model.Post) (*model.Post, []chan struct{}, *model.AppError) {
	s.mu.Lock()
	if in.PendingPostId != "" {
		if first := s.pending[in.PendingPostId]; first != nil && first.till > s.tick() {
			defer s.mu.Unlock()
			return s.again(first)
		}
	}
	p, err := s.check(user, in)
	if err != nil {
		s.mu.Unlock()
		return nil, nil, err
	}
	s.store(p)
	if in.PendingPostId != "" {
		s.pending[in.PendingPostId] = &pendingPost{id: p.Id, till: p.CreateAt + pendingTime}
	}
	out := p.Clone()
	s.mu.Unlock()
	out.PendingPostId = in.PendingPostId
	return out, s.pushPost(model.WebsocketEventPosted, out), nil
}

// again answers a repeated pending_post_id. It needs s.mu held.
func (s *Server) again(first *pendingPost) (*model.Post, []chan struct{}, *model.AppError) {
	if first.id == "" {
		return nil, nil, refuse(http.StatusInternalServerError, "api.post.deduplicate_create_post.pending")
	}
	p := s.posts[first.id]
	if p.DeleteAt > 0 {
		return nil, nil, refuse(http.StatusInternalServerError, "api.post.deduplicate_create_post.failed_to_get")
	}
	return p.Clone(), nil, nil
}

// check makes the post that is to be stored. It needs s.mu held.
func (s *Server) check(user string, in *model.Post) (*model.Post, *model.AppError) {
	ch := s.channels[in.ChannelId]
	switch {
	case ch == nil || !s.members[in.ChannelId][user] || ch.DeleteAt > 0:
		return nil, noPermission()
	case strings.HasPrefix(in.Type, model.PostSystemMessagePrefix):
		return nil, refuse(http.StatusBadRequest, "api.context.invalid_param.app_error")
	case utf8.RuneCountInString(in.Message) > s.switches.MaxPostSize:
		return nil, refuse(http.StatusBadRequest, "model.post.is_valid.message_length.app_error")
	case strings.ContainsRune(in.Message, 0):
		return nil, refuse(http.StatusInternalServerError, "app.post.save.app_error")
	}
	if len(in.FileIds) > maxFiles {
		return nil, refuse(http.StatusBadRequest, "model.post.is_valid.file_ids.app_error")
	}
	if in.RootId != "" {
		root := s.posts[in.RootId]
		if root == nil || root.DeleteAt > 0 || root.ChannelId != in.ChannelId || root.RootId != "" {
			return nil, refuse(http.StatusBadRequest, "api.post.create_post.root_id.app_error")
		}
	}
	at := s.tick()
	p := &model.Post{
		Id: model.NewId(), CreateAt: at, UpdateAt: at, UserId: user, ChannelId: in.ChannelId, RootId: in.RootId,
		Message: strings.ToValidUTF8(in.Message, "\uFFFD"), Type: in.Type, Metadata: in.Metadata,
	}
	s.setFiles(p, in.FileIds)
	p.SetProps(in.GetProps())
	s.nameChannels(p)
	if s.users[user].IsBot {
		p.AddProp(model.PostPropsFromBot, "true")
	}
	return p, nil
}

// store keeps a new post. It needs s.mu held.
func (s *Server) store(p *model.Post) {
	s.posts[p.Id] = p
	s.rows[p.ChannelId] = append(s.rows[p.ChannelId], p.Id)
	s.channels[p.ChannelId].LastPostAt = p.CreateAt
	if root := s.posts[p.RootId]; root != nil {
		root.UpdateAt = p.CreateAt
	}
	delete(s.latest, p.ChannelId)
}

// notice writes a notice of the server itself.
func (s *Server) notice(p *model.Post) {
	s.mu.Lock()
	p.Id, p.CreateAt = model.NewId(), s.tick()
	p.UpdateAt = p.CreateAt
	s.store(p)
	out := p.Clone()
	s.mu.Unlock()
	s.pushPost(model.WebsocketEventPosted, out)
}

// Import writes a post of an earlier time: it is in no since answer that begins
// later. Nothing is pushed.
func (s *Server) Import(user, channel, text string, at int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &model.Post{Id: model.NewId(), CreateAt: at, UpdateAt: at, UserId: user, ChannelId: channel, Message: text}
	s.posts[p.Id] = p
	s.rows[channel] = append(s.rows[channel], p.Id)
	return p.Id
}

// Patch changes a post as a user.
func (s *Server) Patch(user, id string, patch *model.PostPatch) (*model.Post, *model.AppError) {
	s.mu.Lock()
	p := s.posts[id]
	switch {
	case p == nil || p.DeleteAt > 0:
		s.mu.Unlock()
		return nil, refuse(http.StatusNotFound, "app.post.get.app_error")
	case p.UserId != user || !s.members[p.ChannelId][user] || s.channels[p.ChannelId].DeleteAt > 0:
		s.mu.Unlock()
		return nil, noPermission()
	case patch.Message != nil && utf8.RuneCountInString(*patch.Message) > s.switches.MaxPostSize:
		s.mu.Unlock()
		return nil, refuse(http.StatusBadRequest, "model.post.is_valid.message_length.app_error")
	}
	at := s.tick()
	old := p.Clone()
	p.UpdateAt = at
	changed := false
	if patch.Message != nil && *patch.Message != p.Message {
		p.Message, p.EditAt, changed = *patch.Message, at, true
	}
	if patch.FileIds != nil {
		s.setFiles(p, *patch.FileIds)
		p.EditAt, changed = at, true
	}
	if patch.IsPinned != nil && *patch.IsPinned != p.IsPinned {
		p.IsPinned, changed = *patch.IsPinned, true
	}
	if patch.Props != nil {
		p.SetProps(*patch.Props)
	}
	if changed { // a pin has a history row, too
		old.OriginalId, old.Id, old.DeleteAt, old.UpdateAt = old.Id, model.NewId(), at, at
		s.posts[old.Id] = old
		s.rows[p.ChannelId] = append(s.rows[p.ChannelId], old.Id)
	}
	delete(s.latest, p.ChannelId)
	out := p.Clone()
	s.mu.Unlock()
	s.pushPost(model.WebsocketEventPostEdited, out)
	return out, nil
}

// Delete removes a post, and its replies without a word, by the hand of a user.
func (s *Server) Delete(user, id string) *model.AppError {
	s.mu.Lock()
	p := s.posts[id]
	switch {
	case p == nil || p.DeleteAt > 0:
		s.mu.Unlock()
		return refuse(http.StatusNotFound, "app.post.get.app_error")
	case p.UserId != user || !s.members[p.ChannelId][user] || s.channels[p.ChannelId].DeleteAt > 0:
		s.mu.Unlock()
		return noPermission()
	}
	before := p.Clone()
	for _, row := range s.rows[p.ChannelId] {
		if q := s.posts[row]; q.DeleteAt == 0 && q.RootId == id {
			before.ReplyCount++
		}
	}
	at := s.tick()
	for _, row := range s.rows[p.ChannelId] {
		if q := s.posts[row]; q.DeleteAt == 0 && (q.Id == id || q.RootId == id) {
			q.DeleteAt, q.UpdateAt, q.Message = at, at, ""
			q.AddProp("deleteBy", user)
			s.detach(q)
		}
	}
	delete(s.latest, p.ChannelId)
	s.mu.Unlock()
	s.pushPost(model.WebsocketEventPostDeleted, before)
	return nil
}

// Live lists the posts of a channel that are shown, oldest first, without the
// server's notices.
func (s *Server) Live(channel string) []*model.Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*model.Post
	for _, p := range s.shown(channel) {
		if !p.IsSystemMessage() {
			out = append(out, p.Clone())
		}
	}
	return out
}
