package mattermost

import (
	"context"
	"log/slog"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

// A reaction that is pushed is a hint: which reactions the post has now is asked
// for, in one request for all posts of a batch. So an event that came late, twice
// or not at all does no harm, and fifty reactions in a second cost few requests.

// reactionEvent takes a pushed reaction from the reader.
func (f *feed) reactionEvent(fr *frame) error {
	var r model.Reaction
	if err := fr.nested("reaction", &r); err != nil {
		return err
	}
	if r.UserId != f.me.id && validID(r.PostId) {
		f.push(channelOf(fr), item{kind: itemReacted, reacted: r.PostId})
	}
	return nil
}

// askReactions reads the reactions to the posts of a batch. Where that fails the
// channels are swept, which finds them too.
func (f *feed) askReactions(ctx context.Context, batch []item) map[string][]*model.Reaction {
	chats := map[string]*chat{}
	var posts []string
	for _, it := range batch {
		if it.kind == itemReacted && chats[it.reacted] == nil {
			chats[it.reacted] = it.chat
			posts = append(posts, it.reacted)
		}
	}
	if len(posts) == 0 {
		return nil
	}
	found, err := f.c.api.reactions(ctx, posts)
	if err == nil {
		for _, post := range posts {
			if found[post] == nil {
				found[post] = []*model.Reaction{}
			}
		}
		return found
	}
	f.log.LogAttrs(ctx, slog.LevelDebug, "reactions could not be read, reading the channels", slog.String("error", err.Error()))
	for _, ch := range chats {
		f.sweep(ch.id, false)
	}
	return nil
}

// liveReactions makes the event of a post's reactions, nil when they were told.
func (f *feed) liveReactions(it item, found map[string][]*model.Reaction) bridge.Event {
	all, ok := found[it.reacted]
	if !ok {
		return nil
	}
	delete(found, it.reacted) // once for all of the batch
	if told, _ := f.told.get(it.reacted); told.gone {
		return nil
	}
	// The server's clock is known to the second only.
	ev, sum := f.reactionsEvent(it.chat.id, it.reacted, all, f.c.api.serverTime(), millis(f.c.net.deps.Now()))
	if was, known := f.reacted.get(it.reacted); known && was == sum {
		return nil
	}
	f.reacted.put(it.reacted, sum)
	return ev
}

// rowReactions makes the event of the reactions to a post that a sweep has read,
// nil when there is nothing that the core could not know.
func (s *sweep) rowReactions(p *model.Post, start cursor) bridge.Event {
	if p.DeleteAt > 0 || p.OriginalId != "" || !bridged(p) || p.CreateAt <= start.from || p.Metadata == nil {
		return nil
	}
	known := start.at - s.feed.c.overlap
	ev, sum := s.feed.reactionsEvent(s.chat.id, p.Id, p.Metadata.Reactions, p.UpdateAt, p.UpdateAt)
	was, told := s.feed.reacted.get(p.Id)
	switch {
	case told && was == sum, p.UpdateAt <= known:
		return nil
	case !told && sum == "" && (p.CreateAt > start.seen() || p.UpdateAt == p.CreateAt || p.UpdateAt == p.EditAt):
		return nil // there cannot have been any that the core knows
	}
	s.reacted[p.Id] = sum
	return ev
}
