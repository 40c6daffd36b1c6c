package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// crowdRow is a line of the table of very many people who join one chat.
type crowdRow struct {
	database, direction string
	people              int
	p50, p99            [2]time.Duration // all the way: before, and while they join
	joined              float64          // ghosts per second
	complete            time.Duration    // until all had joined; 0 = nobody waited for it
	rss                 int64
	problems            []string
}

// crowds measures what thousands who join one chat do to messages, also to those of
// that chat.
func (b *bench) crowds(ctx context.Context) error {
	for _, database := range b.first() {
		err := b.on(ctx, "crowd", database, b.portals, func(s *stage) error { return s.crowd(ctx) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) crowd(ctx context.Context) error {
	m, err := s.beside(ctx, "crowd")
	if err != nil {
		return err
	}
	s.say("100 messages per second and direction, all is calm")
	if err := m.measure(ctx, 0, healthySeconds); err != nil {
		return err
	}
	s.say("the same while %d people join a chat", s.b.crowd)
	before, start := s.hs.ghosts(0), time.Now()
	echo, stop := context.WithCancel(ctx)
	var echoing errgroup.Group
	echoing.Go(func() error { return s.hs.echo(echo, m.fleet) })
	if err := s.mm.gather(s.b.crowd); err != nil {
		stop()
		return err
	}
	err = m.measure(ctx, 1, s.b.crowdSeconds)
	rate := float64(s.hs.ghosts(0)-before) / time.Since(start).Seconds()
	var complete time.Duration
	if err == nil && s.b.crowdWait {
		if err = poll(ctx, time.Hour, func() bool { return s.hs.ghosts(0)-before >= s.b.crowd }); err == nil {
			complete = time.Since(start)
		}
	}
	stop()
	if echoed := echoing.Wait(); err == nil {
		err = echoed
	}
	if err != nil {
		return err
	}
	u, err := m.fleet.usage()
	if err != nil {
		return err
	}
	for i, side := range m.sides {
		row := crowdRow{
			database: s.database, direction: side.name, people: s.b.crowd, p50: m.p50[i], p99: m.p99[i],
			joined: rate, complete: complete, rss: u.hwm, problems: m.problems[i],
		}
		if rate == 0 {
			row.problems = append(row.problems, "nobody has joined")
		}
		s.b.lines.crowds = append(s.b.lines.crowds, row)
	}
	return nil
}

// inside is who is in the rooms of a stub.
type inside struct {
	mu    sync.Mutex
	rooms map[string]map[string]struct{}
	fresh []event // joins that the gateway has not been told of
}

func (i *inside) join(room, user string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.rooms == nil {
		i.rooms = map[string]map[string]struct{}{}
	}
	if i.rooms[room] == nil {
		i.rooms[room] = map[string]struct{}{}
	}
	if _, in := i.rooms[room][user]; in {
		return
	}
	i.rooms[room][user] = struct{}{}
	i.fresh = append(i.fresh, event{
		ID: "$join" + user + room, Room: room, Type: "m.room.member", Sender: user, StateKey: &user,
		Time: time.Now().UnixMilli(), Content: map[string]any{"membership": "join"},
	})
}

// members answers a question for a room's members.
func (i *inside) members(w http.ResponseWriter, room string) {
	member := func(user, name string) map[string]any {
		return map[string]any{
			"type": "m.room.member", "state_key": user, "sender": user,
			"content": map[string]string{"membership": "join", "displayname": name},
		}
	}
	chunk := []any{member(pupil, "Pupil")}
	i.mu.Lock()
	for user := range i.rooms[room] {
		chunk = append(chunk, member(user, ""))
	}
	i.mu.Unlock()
	answer(w, map[string]any{"chunk": chunk})
}

// ghosts counts who is in the room of a chat, but for the pupil.
func (h *homeserver) ghosts(chat int) int {
	h.inside.mu.Lock()
	defer h.inside.mu.Unlock()
	return len(h.inside.rooms[roomOf(aliasOf(chat))])
}

// echo pushes joins to the gateway, as homeservers do, until ctx ends.
func (h *homeserver) echo(ctx context.Context, f *fleet) error {
	const atOnce = 50
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		h.inside.mu.Lock()
		events := h.inside.fresh[:min(atOnce, len(h.inside.fresh))]
		h.inside.fresh = h.inside.fresh[len(events):]
		h.inside.mu.Unlock()
		if len(events) == 0 {
			continue
		}
		if err := f.transaction(ctx, events); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func crowdID(n int) string { return fmt.Sprintf("crowd%021d", n) }

// gather lets many people into the first channel, and the server tell of each.
func (m *mattermost) gather(count int) error {
	m.crowd.Store(int64(count))
	for n := range count {
		post := map[string]any{
			"id": fmt.Sprintf("joins%021d", n), "channel_id": channelID(0), "user_id": userID, "type": "system_add_to_channel",
			"create_at": time.Now().UnixMilli(), "update_at": time.Now().UnixMilli(), "props": map[string]string{"addedUserId": crowdID(n)},
		}
		text, err := json.Marshal(post)
		if err != nil {
			return err
		}
		if err := m.push("posted", "post", string(text), channelID(0)); err != nil {
			return err
		}
	}
	return nil
}

// count answers how many are in a channel.
func (m *mattermost) count(r *http.Request) any {
	return map[string]any{"channel_id": r.PathValue("id"), "member_count": len(m.people(r.PathValue("id")))}
}

// people are the bot, the teacher, and in the first channel the crowd.
func (m *mattermost) people(channel string) []any {
	out := []any{user(botID, "steg", true), user(userID, "teacher", false)}
	if channel == channelID(0) {
		for n := range int(m.crowd.Load()) {
			out = append(out, user(crowdID(n), fmt.Sprintf("person%05d", n), false))
		}
	}
	return out
}

// usersIn answers a page of them.
func (m *mattermost) usersIn(r *http.Request) any {
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	all := m.people(r.URL.Query().Get("in_channel"))
	return all[min(page*size, len(all)):min((page+1)*size, len(all))]
}
