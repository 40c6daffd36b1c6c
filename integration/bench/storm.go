package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	stormChats  = 10 // in which everybody reacts to a post
	stormPeople = 50 // in each
)

// stormRow is a line of the table of storms of reactions.
type stormRow struct {
	database, direction string
	p50, p99            [2]time.Duration // all the way: before, and while they react
	crossed             int64            // reactions
	problems            []string
}

// storms measures what classes that react at once do to messages.
func (b *bench) storms(ctx context.Context) error {
	for _, database := range b.first() {
		err := b.on(ctx, "storm", database, b.portals, func(s *stage) error { return s.storm(ctx) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) storm(ctx context.Context) error {
	m, err := s.beside(ctx, "storm")
	if err != nil {
		return err
	}
	s.say("100 messages per second and direction, all is calm")
	if err := m.measure(ctx, 0, healthySeconds); err != nil {
		return err
	}
	s.say("the same while %d people react in each of %d chats", stormPeople, stormChats)
	before := s.hs.reactions.Load()
	var reacting errgroup.Group
	reacting.Go(func() error { return s.mm.react(ctx, healthySeconds*time.Second) })
	err = m.measure(ctx, 1, healthySeconds)
	if failed := reacting.Wait(); err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	if err := drained(ctx, m.fleet.all[0], time.Minute); err != nil {
		return err
	}
	crossed := s.hs.reactions.Load() - before
	for i, side := range m.sides {
		row := stormRow{database: s.database, direction: side.name, p50: m.p50[i], p99: m.p99[i], crossed: crossed, problems: m.problems[i]}
		if crossed != stormChats*stormPeople {
			row.problems = append(row.problems, fmt.Sprintf("%d reactions of %d have crossed", crossed, stormChats*stormPeople))
		}
		s.b.lines.storms = append(s.b.lines.storms, row)
	}
	return nil
}

// reacted is who has reacted to which post of a stub.
type reacted struct {
	mu sync.Mutex
	to map[string][]json.RawMessage
}

// react lets people react to the latest post of some channels, spread over a time.
func (m *mattermost) react(ctx context.Context, during time.Duration) error {
	tick := time.NewTicker(during / (stormChats * stormPeople))
	defer tick.Stop()
	posts := make([]string, stormChats)
	for ch := range posts {
		m.history.mu.Lock()
		places := m.history.byChannel[ch]
		posts[ch] = postID(places[len(places)-1])
		m.history.mu.Unlock()
	}
	for n := range stormChats * stormPeople {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		ch, now := n%stormChats, time.Now().UnixMilli()
		reaction := fmt.Appendf(nil, `{"user_id":%q,"post_id":%q,"emoji_name":"+1","create_at":%d,"update_at":%[3]d,"channel_id":%q}`,
			crowdID(n), posts[ch], now, channelID(ch))
		m.reacted.mu.Lock()
		if m.reacted.to == nil {
			m.reacted.to = map[string][]json.RawMessage{}
		}
		m.reacted.to[posts[ch]] = append(m.reacted.to[posts[ch]], reaction)
		m.reacted.mu.Unlock()
		if err := m.push("reaction_added", "reaction", string(reaction), channelID(ch)); err != nil {
			return err
		}
	}
	return nil
}

// reactions answers who has reacted to posts.
func (m *mattermost) reactions(r *http.Request) any {
	var ids []string
	_ = json.NewDecoder(r.Body).Decode(&ids)
	m.reacted.mu.Lock()
	defer m.reacted.mu.Unlock()
	out := map[string][]json.RawMessage{}
	for _, id := range ids {
		out[id] = slices.Clone(m.reacted.to[id])
	}
	return out
}

// countReactions counts those that arrive among what is sent.
func countReactions(n *atomic.Int64, path string) {
	if strings.Contains(path, "/send/m.reaction/") {
		n.Add(1)
	}
}
