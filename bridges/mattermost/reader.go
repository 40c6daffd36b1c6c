package mattermost

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

// reader reads one socket.
type reader struct {
	feed *feed
	ws   *socket
	from resumption

	connection string
	next       int64 // sequence number of the next event
	started    bool
}

// run reads until the socket breaks.
func (r *reader) run(ctx context.Context) error {
	// The reply to this tells a resumed connection, which has no hello, from a
	// server that is silent.
	if err := r.ws.ping(); err != nil {
		return classify(err)
	}
	in := newInbox()
	var pump sync.WaitGroup
	pump.Go(func() { r.ws.pump(in) })
	defer pump.Wait()
	defer r.ws.close()
	defer in.fail(context.Canceled) // lets a pump go that waits for room
	for {
		frames, err := in.take()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return classify(err)
		}
		if err := r.frames(ctx, frames); err != nil {
			return err
		}
	}
}

// frames looks at frames that have come together.
func (r *reader) frames(ctx context.Context, frames [][]byte) error {
	r.feed.busy(true)
	defer r.feed.busy(false)
	for _, data := range frames {
		fr, err := decodeFrame(data)
		if err != nil {
			return classify(err)
		}
		if err := r.frame(ctx, fr); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) frame(ctx context.Context, fr *frame) error {
	if fr.Event == "" {
		if fr.Status == model.StatusFail {
			return r.deaf(ctx, fr)
		}
		return r.start(ctx, nil)
	}
	if fr.Event == string(model.WebsocketEventHello) {
		fresh := fr.text("connection_id")
		was := r.connection
		r.connection, r.next = fresh, fr.Seq+1
		if !r.started {
			r.from = resumption{}
			return r.start(ctx, fr)
		}
		if was != fresh {
			r.feed.sweepAll()
		}
		return nil
	}
	if err := r.start(ctx, fr); err != nil {
		return err
	}
	switch {
	case fr.Seq < r.next:
		return nil // read before
	case fr.Seq > r.next:
		r.feed.log.LogAttrs(ctx, slog.LevelWarn, "events are missing, reading all channels",
			slog.Int64("missing", fr.Seq-r.next))
		r.feed.sweepAll()
	}
	r.next = fr.Seq + 1
	if err := r.feed.event(fr); err != nil {
		// One unreadable event: what it told is in the channel.
		r.feed.log.LogAttrs(ctx, slog.LevelWarn, "an event is not readable", slog.String("error", err.Error()))
		if fr.Broadcast.ChannelID != "" {
			r.feed.sweep(bridge.ChatID(fr.Broadcast.ChannelID), true)
		}
	}
	return nil
}

// start begins the work of a connection with its first frame: a hello is a new
// connection, anything else goes on with the one before.
func (r *reader) start(ctx context.Context, first *frame) error {
	if r.started {
		return nil
	}
	r.started = true
	if r.from.connection != "" {
		r.connection, r.next = r.from.connection, r.from.next
		if first != nil && first.Seq != r.next {
			r.from.clean = nil
		}
	}
	r.feed.sink.State(ctx, bridge.StateCatchingUp, nil)
	listed, err := r.feed.c.api.myChannels(ctx)
	if err != nil {
		return r.feed.c.explain(ctx, err, "")
	}
	r.feed.start(r.from.clean, listed)
	r.feed.report(ctx)
	return nil
}

// deaf handles a reply that says no: the socket is open, but not logged in.
func (r *reader) deaf(ctx context.Context, fr *frame) error {
	if fr.Error == nil {
		return &bridge.TemporaryError{Err: errors.New("the connection refuses to be used"), Shared: true}
	}
	err := &callError{op: "ping", status: fr.Error.StatusCode, id: safeID(fr.Error.Id)}
	if err.id == idNotAuth {
		err.status = http.StatusUnauthorized
	}
	return r.feed.c.explain(ctx, err, "")
}

// event sorts a pushed event. It makes no requests.
func (f *feed) event(fr *frame) error {
	switch model.WebsocketEventType(fr.Event) {
	case model.WebsocketEventPosted:
		return f.postEvent(fr, itemPosted)
	case model.WebsocketEventPostEdited:
		return f.postEvent(fr, itemEdited)
	case model.WebsocketEventPostDeleted:
		return f.postEvent(fr, itemDeleted)
	case model.WebsocketEventReactionAdded, model.WebsocketEventReactionRemoved:
		return f.reactionEvent(fr)
	case model.WebsocketEventUserUpdated:
		var u model.User
		if err := fr.nested("user", &u); err != nil {
			return err
		}
		f.c.people.put(&u)
		if u.Id != f.me.id {
			f.push("", item{kind: itemUser, user: &u})
		}
	case model.WebsocketEventChannelUpdated, model.WebsocketEventChannelConverted,
		model.WebsocketEventChannelDeleted, model.WebsocketEventChannelRestored:
		f.sweep(channelOf(fr), true)
	case model.WebsocketEventUserRemoved, model.WebsocketEventUserAdded:
		if f.aboutUs(fr) {
			f.sweep(channelOf(fr), true)
		}
	case model.WebsocketEventLeaveTeam, model.WebsocketEventAddedToTeam:
		if f.aboutUs(fr) {
			f.sweepAll()
		}
	case model.WebsocketEventUpdateTeam, model.WebsocketEventDeleteTeam, model.WebsocketEventRestoreTeam:
		return f.teamEvent(fr)
	case model.WebsocketEventTyping:
		f.typing(fr)
	case model.WebsocketEventConfigChanged:
		f.c.forgetSelf()
	}
	return nil
}

// aboutUs tells whether an event about a member is about the login.
func (f *feed) aboutUs(fr *frame) bool {
	return fr.text("user_id") == f.me.id || fr.Broadcast.UserID == f.me.id
}

func channelOf(fr *frame) bridge.ChatID {
	if id := fr.text("channel_id"); id != "" {
		return bridge.ChatID(id)
	}
	if fr.Broadcast.ChannelID != "" {
		return bridge.ChatID(fr.Broadcast.ChannelID)
	}
	var ch struct {
		ID string `json:"id"`
	}
	if raw, ok := fr.Data["channel"]; ok && json.Unmarshal(raw, &ch) != nil {
		_ = fr.nested("channel", &ch) // empty when unreadable
	}
	return bridge.ChatID(ch.ID)
}

func (f *feed) postEvent(fr *frame, kind itemKind) error {
	p := &model.Post{}
	if err := fr.nested("post", p); err != nil {
		return err
	}
	if kind == itemEdited {
		f.tellPins(p)
	}
	if f.c.puppet && kind == itemPosted && isDirect(model.ChannelType(fr.text("channel_type"))) && !f.follows(bridge.ChatID(p.ChannelId)) {
		signal(f.strangers)
		return nil // its sweep brings it
	}
	f.push(bridge.ChatID(p.ChannelId), item{kind: kind, post: p, at: f.c.api.serverTime()})
	return nil
}

func (f *feed) follows(id bridge.ChatID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.chats[id] != nil
}
