package mattermost

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/mattermost/mattermost/server/public/model"
	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/bridges/mattermost/mattermosttest"
	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

const settle = 30 * time.Second

// rig is a client on a fake server, a person, and a sink that stands for the
// core.
type rig struct {
	t      *testing.T
	server *mattermosttest.Server
	team   string
	bot    string
	token  string
	kim    string
	cfg    *Config
	over   int64 // the clients' overlap, unless 0
	client *client
	sink   *bridgetest.Sink
	log    *bytes.Buffer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s := mattermosttest.New(t)
	r := &rig{t: t, server: s, team: s.NewTeam("school"), sink: bridgetest.NewSink(), log: &bytes.Buffer{}}
	r.bot, r.token = s.NewBot("steg", r.team)
	r.kim = s.NewUser("kim", "Kim Example")
	r.cfg = &Config{URL: s.URL(), Token: r.token, Timeout: 10 * time.Second, Keepalive: 3 * time.Second}
	r.restart()
	return r
}

// restart makes a client that remembers nothing.
func (r *rig) restart() {
	r.t.Helper()
	b, err := open(r.cfg, bridge.Deps{
		ID: "mm", Log: slog.New(slog.NewTextHandler(r.log, nil)), Now: time.Now,
		Secret: func(value, _ string) (string, error) { return value, nil },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	n, ok := b.(*network)
	if !ok {
		r.t.Fatalf("open made a %T", b)
	}
	r.t.Cleanup(n.http.CloseIdleConnections)
	r.client = newClient(n, bridge.Login{ID: "steg"}, n.token)
	r.client.overlap = cmp.Or(r.over, r.client.overlap)
}

// channel makes an open channel with Kim in it.
func (r *rig) channel() bridge.ChatID {
	r.t.Helper()
	id := r.server.NewChannel(r.team, "c"+model.NewId()[:10], false)
	r.server.Join(id, r.kim, "")
	return bridge.ChatID(id)
}

// linked makes a channel that is followed from now on.
func (r *rig) linked() bridge.ChatID {
	r.t.Helper()
	chat := r.channel()
	r.link(chat)
	return chat
}

func (r *rig) link(chat bridge.ChatID) {
	r.t.Helper()
	cursor, err := r.client.Follow(r.t.Context(), chat)
	if err != nil {
		r.t.Fatalf("Follow: %v", err)
	}
	r.sink.Link(chat, cursor)
}

// run runs the client, again and again as a supervisor does, until the returned
// function is called.
func (r *rig) run() (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	var wg sync.WaitGroup
	client := r.client
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := client.Run(ctx, r.sink); bridge.Classify(err) == bridge.ClassLoggedOut {
				return
			}
			_ = wait(ctx, 5*time.Millisecond) // the end of ctx is looked at above
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
	})
	r.t.Cleanup(stop)
	return stop
}

// connected runs the client and waits until it has caught up.
func (r *rig) connected() (stop func()) {
	r.t.Helper()
	before := r.connects()
	stop = r.run()
	r.await("the client is connected", func() bool { return r.connects() > before })
	return stop
}

func (r *rig) connects() int {
	n := 0
	for _, s := range r.sink.States() {
		if s.State == bridge.StateConnected {
			n++
		}
	}
	return n
}

func (r *rig) await(what string, cond func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), settle)
	defer cancel()
	if err := r.sink.Await(ctx, cond); err != nil {
		r.t.Fatalf("not in %v: %s", settle, what)
	}
}

// say posts as Kim.
func (r *rig) say(chat bridge.ChatID, text string) string {
	r.t.Helper()
	return r.post(r.kim, &model.Post{ChannelId: string(chat), Message: text})
}

func (r *rig) post(user string, p *model.Post) string {
	r.t.Helper()
	made, err := r.server.Post(user, p)
	if err != nil {
		r.t.Fatalf("post: %s", err.Id)
	}
	return made.Id
}

func (r *rig) patch(user, id string, patch *model.PostPatch) {
	r.t.Helper()
	if _, err := r.server.Patch(user, id, patch); err != nil {
		r.t.Fatalf("patch: %s", err.Id)
	}
}

func (r *rig) edit(id, text string) {
	r.t.Helper()
	r.patch(r.kim, id, &model.PostPatch{Message: &text})
}

func (r *rig) remove(id string) {
	r.t.Helper()
	if err := r.server.Delete(r.kim, id); err != nil {
		r.t.Fatalf("delete: %s", err.Id)
	}
}

// fence posts, and waits until that has been delivered.
func (r *rig) fence(chat bridge.ChatID) {
	r.t.Helper()
	id := r.say(chat, "fence")
	r.await("the fence is delivered", func() bool {
		for _, m := range r.sink.Messages(chat) {
			if string(m.ID) == id {
				return true
			}
		}
		return false
	})
}

// events lists what the core has stored of a chat, in short words, without
// fences.
func (r *rig) events(chat bridge.ChatID) []string {
	var out []string
	for _, ev := range r.sink.Events(chat) {
		switch e := ev.(type) {
		case *bridge.Message:
			if e.Content.Body != "fence" {
				out = append(out, e.Content.Body)
			}
		case *bridge.Edit:
			out = append(out, "edit: "+e.Content.Body)
		case *bridge.Removal:
			out = append(out, "removal")
		case *bridge.ChatGone:
			out = append(out, "gone: "+e.Reason)
		case *bridge.ChatChange:
			out = append(out, "chat: "+e.Info.Name)
		case *bridge.Reactions:
			if len(e.Present) > 0 { // that there are none is told of every old post that has changed
				out = append(out, strconv.Itoa(len(e.Present))+" reactions")
			}
		case *bridge.Members, *bridge.UserChange:
		}
	}
	return out
}

func (r *rig) want(chat bridge.ChatID, want ...string) {
	r.t.Helper()
	if diff := gocmp.Diff(want, r.events(chat)); diff != "" {
		r.t.Errorf("events (-want +got):\n%s", diff)
	}
}

// out makes a message from Matrix.
func (r *rig) out(chat bridge.ChatID, key, text string) *bridge.Outgoing {
	return &bridge.Outgoing{
		Key: bridge.Key(key), Chat: chat, Since: time.Now(), Time: time.Now(),
		Author:  bridge.Author{ID: "@lou:school.example", Name: "Lou Example"},
		Content: &event.MessageEventContent{MsgType: event.MsgText, Body: text},
	}
}

func (r *rig) send(m *bridge.Outgoing) bridge.Receipt {
	r.t.Helper()
	receipt, err := r.client.Send(r.t.Context(), m)
	if err != nil {
		r.t.Fatalf("Send: %v", err)
	}
	return receipt
}

// only is the one post of a channel.
func (r *rig) only(chat bridge.ChatID) *model.Post {
	r.t.Helper()
	posts := r.server.Live(string(chat))
	if len(posts) != 1 {
		r.t.Fatalf("the channel has %d posts, want 1", len(posts))
	}
	return posts[0]
}
