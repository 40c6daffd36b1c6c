package bridgefake

import (
	"context"
	"fmt"
	"strconv"

	"github.com/steg-bridge/steg/core/bridge"
)

// Run connects first and catches up then, so that nothing falls between: what
// is pushed meanwhile waits in the connection and is recognised by its number.
func (c *client) Run(ctx context.Context, sink bridge.Sink) error {
	err := c.run(ctx, sink)
	if ctx.Err() != nil {
		return nil
	}
	if bridge.Classify(err) == bridge.ClassLoggedOut {
		sink.State(ctx, bridge.StateLoggedOut, err)
	} else {
		sink.State(ctx, bridge.StateBroken, err)
	}
	return err
}

func (c *client) run(ctx context.Context, sink bridge.Sink) error {
	sink.State(ctx, bridge.StateConnecting, nil)
	l, cn, err := c.net.connect(ctx, c.id)
	if err != nil {
		return fmt.Errorf("connect: %w", classify(err))
	}
	defer c.net.disconnect(l, cn)

	sink.State(ctx, bridge.StateCatchingUp, nil)
	followed, err := sink.Followed(ctx)
	if err != nil {
		return fmt.Errorf("read cursors: %w", err)
	}
	r := &reader{client: c, sink: sink, pos: map[bridge.ChatID]int{}}
	for _, f := range followed {
		if err := r.start(ctx, f); err != nil {
			return fmt.Errorf("catch up: %w", err)
		}
	}

	for _, id := range c.directs() {
		if err := r.meet(ctx, id); err != nil {
			return fmt.Errorf("tell of a direct chat: %w", err)
		}
	}

	sink.State(ctx, bridge.StateConnected, nil)
	for {
		p, err := c.net.next(ctx, l, cn)
		if err != nil {
			return fmt.Errorf("read: %w", classify(err))
		}
		if err := r.live(ctx, p); err != nil {
			return err
		}
	}
}

// reader is the state of one Run: the last delivered change of each chat.
type reader struct {
	client *client
	sink   bridge.Sink
	pos    map[bridge.ChatID]int
}

func (r *reader) start(ctx context.Context, f bridge.Followed) error {
	if f.Cursor == "" { // linked, but never followed: from now on
		head, err := r.client.net.join(ctx, r.client.id, f.Chat)
		r.pos[f.Chat] = head
		return classify(err)
	}
	pos, err := strconv.Atoi(string(f.Cursor))
	if err != nil {
		return fmt.Errorf("cursor of a chat is not ours: %w", err)
	}
	r.pos[f.Chat] = pos
	return r.fill(ctx, f.Chat)
}

// fill delivers what the log of the chat holds after the last delivered change,
// a page at a time.
func (r *reader) fill(ctx context.Context, chat bridge.ChatID) error {
	for {
		page, more, err := r.client.net.since(ctx, r.client.id, chat, r.pos[chat])
		if err != nil {
			return fmt.Errorf("read missed changes: %w", classify(err))
		}
		if len(page) == 0 {
			return nil
		}
		var evs []bridge.Event
		for _, ch := range page {
			if ch.kind == changePin {
				r.sink.PinsChanged(chat)
				continue
			}
			evs = append(evs, r.event(chat, ch))
		}
		if err := r.sink.Deliver(ctx, evs...); err != nil {
			return fmt.Errorf("deliver: %w", err)
		}
		r.pos[chat] = page[len(page)-1].seq
		if !more {
			return nil
		}
	}
}

// live delivers one push. A number already seen is a repeat, a number too high
// shows a gap.
func (r *reader) live(ctx context.Context, p push) error {
	if p.typing != nil {
		r.sink.Typing(*p.typing)
		return nil
	}
	if p.space != "" {
		r.sink.SpaceChanged(p.space)
		return nil
	}
	if p.chat == "" {
		ev := &bridge.UserChange{Info: p.user}
		ev.Meta = bridge.Meta{
			Sender: p.user.ID, Time: p.time.UTC(),
			Key: bridge.Key("u-" + string(p.user.ID) + "-" + strconv.Itoa(p.seq)),
		}
		return r.deliver(ctx, ev)
	}
	if err := r.meet(ctx, p.chat); err != nil {
		return fmt.Errorf("tell of a direct chat: %w", err)
	}
	pos, known := r.pos[p.chat]
	if !known && r.client.isDirect(p.chat) {
		return nil // the core does not want it
	}
	if !known { // followed since the connection was made
		pos = p.joined
		r.pos[p.chat] = pos
	}
	switch {
	case p.seq <= pos:
		return nil
	case p.seq > pos+1:
		return r.fill(ctx, p.chat)
	}
	if p.change.kind == changePin {
		r.sink.PinsChanged(p.chat)
	} else if err := r.deliver(ctx, r.event(p.chat, p.change)); err != nil {
		return err
	}
	r.pos[p.chat] = p.seq
	return nil
}

func (r *reader) deliver(ctx context.Context, ev bridge.Event) error {
	if err := r.sink.Deliver(ctx, ev); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	return nil
}

// event is a change in the words of the contract. Live and catch-up make the
// same event of the same change.
func (r *reader) event(chat bridge.ChatID, ch change) bridge.Event {
	seq := strconv.Itoa(ch.seq)
	meta := bridge.Meta{
		Chat: chat, Sender: ch.by, Time: ch.time,
		Key: bridge.Key("c-" + string(chat) + "-" + seq), Cursor: bridge.Cursor(seq),
	}
	if ch.login == r.client.id {
		meta.Echo = ch.key
	}
	switch ch.kind {
	case changePost:
		content, mentions, all := toMatrix(ch.text, r.client.net.entitled(chat, ch.by), r.client.net.userName)
		return &bridge.Message{
			Meta: meta, ID: ch.msg.ID, Content: content, Files: fileList(ch.files), Thread: ch.msg.Root, Mentions: mentions, MentionsAll: all, Hop: ch.msg.Hop,
			Program: ch.msg.Program,
		}
	case changeEdit:
		content, mentions, _ := toMatrix(ch.text, false, r.client.net.userName)
		return &bridge.Edit{Meta: meta, Target: ch.msg.ID, Content: content, Files: fileList(ch.files), Mentions: mentions}
	case changeDelete:
		return &bridge.Removal{Meta: meta, Target: ch.msg.ID, Cascade: ch.cascade}
	case changeReact:
		return r.client.reactions(meta, ch)
	case changeGone:
		return &bridge.ChatGone{Meta: meta, Reason: "archived"}
	case changeMembers:
		return &bridge.Members{Meta: meta, Joined: ch.joined}
	case changePin, changeInfo:
	}
	return &bridge.ChatChange{Meta: meta, Info: ch.info}
}
