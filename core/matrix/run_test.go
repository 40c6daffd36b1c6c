package matrix_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestRun(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	w := newWorld(t, matrixtest.Dendrite, func(o *matrix.Options) { o.Listen = address })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx, w.inbox) }()
	w.hs.Connect("http://" + address)
	synced(t, w)
	room, _ := w.portal(t, "run")
	anna := w.hs.AddUser("anna", "")
	target := w.hs.Say(room, anna, "x")
	w.inbox.until(t, "the message", func() bool { return len(w.inbox.ids("m.room.message")) == 1 })
	w.hs.Redact(room, anna, target)
	w.inbox.until(t, "the redaction", func() bool { return len(w.inbox.ids(redaction)) == 1 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("still listening")
	}
}

func TestRunWithoutTheHomeserver(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	s := offline(t, func(o *matrix.Options) { o.Listen = address })
	box := newInbox()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, box) }()
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			break
		}
	}
	if status, _ := do(t, http.MethodPut, "http://"+address+txnPath+"1", "h", `{"events":[`+oneEvent("1")+`]}`); status != http.StatusOK {
		t.Errorf("%d", status)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRunWhereSomethingListens(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s := offline(t, func(o *matrix.Options) { o.Listen = l.Addr().String() })
	if err := s.Run(t.Context(), newInbox()); err == nil || !strings.Contains(err.Error(), "change homeserver.listen") {
		t.Errorf("%v", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dialect matrixtest.Dialect
		change  func(w *matrixtest.Server)
		options func(o *matrix.Options)
		level   bridge.Level
		word    string // in the last finding
	}{
		"dendrite":    {dialect: matrixtest.Dendrite, level: bridge.LevelOK, word: "no ping"},
		"synapse":     {dialect: matrixtest.Synapse, level: bridge.LevelOK, word: "reaches us"},
		"token":       {options: func(o *matrix.Options) { o.ASToken = "x" }, level: bridge.LevelFail, word: "as_token"},
		"server name": {options: func(o *matrix.Options) { o.ServerName = "x.example" }, level: bridge.LevelFail, word: "configured is x.example, the homeserver is hs.test"},
		"clash": {change: func(hs *matrixtest.Server) {
			hs.Break(1, "/register", matrixtest.Fault{Status: 400, Code: "M_EXCLUSIVE"})
		}, level: bridge.LevelFail, word: "another application service"},
		"away":     {change: func(hs *matrixtest.Server) { hs.Break(1, "/versions", matrixtest.Fault{}) }, level: bridge.LevelFail, word: "homeserver: "},
		"no url":   {dialect: matrixtest.Synapse, change: func(hs *matrixtest.Server) { hs.Connect("") }, level: bridge.LevelFail, word: "no url"},
		"hs token": {dialect: matrixtest.Synapse, options: func(o *matrix.Options) { o.HSToken = "x" }, level: bridge.LevelFail, word: "hs_token"},
		"id":       {dialect: matrixtest.Synapse, options: func(o *matrix.Options) { o.ID = "x" }, level: bridge.LevelFail, word: "registration id"},
		"not reached": {
			dialect: matrixtest.Synapse, options: func(o *matrix.Options) { o.Listen = "" }, level: bridge.LevelFail, word: "no connection",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := freeAddress(t)
			w := newWorld(t, c.dialect, func(o *matrix.Options) {
				o.Listen = address
				if c.options != nil {
					c.options(o)
				}
			})
			if name != "no url" {
				w.hs.Connect("http://" + address)
			}
			if c.change != nil {
				c.change(w.hs)
			}
			found := w.Check(t.Context())
			last := found[len(found)-1]
			if last.Level != c.level || !strings.Contains(last.What, c.word) || (last.Fix == "") != (c.level == bridge.LevelOK) {
				t.Errorf("%+v", found)
			}
		})
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Synapse)
	w.inbox.user = func(_ context.Context, user id.UserID) (bool, error) {
		switch user {
		case w.GhostID("mm", "Anna/B"):
			return true, nil
		case w.GhostID("mm", "broken"):
			return false, errInbox
		}
		return false, nil
	}
	url := appservice(t, w)
	for path, want := range map[string]int{
		"/_matrix/app/v1/users/%40_steg_mm__anna=2f_b:hs.test": 200,
		"/users/@_steg_mm__anna=2f_b:hs.test":                  200,
		"/_matrix/app/v1/users/@_steg_mm_nobody:hs.test":       404,
		"/_matrix/app/v1/users/@_steg_mm_broken:hs.test":       500,
		"/_matrix/app/v1/users/@anna:hs.test":                  404,
		"/_matrix/app/v1/rooms/%23_steg_x:hs.test":             404,
		"/rooms/%23other:hs.test":                              404,
		"/_matrix/app/v1/thirdparty/protocol/mattermost":       404,
		"/_matrix/app/v1/thirdparty/user":                      404,
	} {
		if status, body := do(t, http.MethodGet, url+path, "hs-token", ""); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

type directory struct{ *inbox }

func (directory) Protocols() []intent.Protocol {
	return []intent.Protocol{{
		ID: "mattermost", Name: "Mattermost", LocationFields: []string{"chat"},
		Networks: []intent.Network{{ID: "mm", Name: "Schulchat"}},
	}}
}

func (directory) Locations(_ context.Context, protocol string, fields map[string]string) ([]intent.Location, error) {
	if protocol != "mattermost" || fields["chat"] != "gym/markt" {
		return nil, nil
	}
	return []intent.Location{{Alias: "#_steg_mm_markt:hs.test", Protocol: protocol, Fields: fields}}, nil
}

func (directory) LocationOf(_ context.Context, alias id.RoomAlias) ([]intent.Location, error) {
	return []intent.Location{{Alias: alias, Protocol: "mattermost"}}, nil
}

func (directory) People(context.Context, string, map[string]string) ([]intent.Person, error) {
	return nil, errInbox
}

func (directory) PersonOf(_ context.Context, user id.UserID) ([]intent.Person, error) {
	return []intent.Person{{User: user, Protocol: "mattermost"}}, nil
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Synapse)
	server := http.Server{Handler: w.Handler(directory{w.inbox})}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	url := "http://" + l.Addr().String() + "/_matrix/app/v1/thirdparty/"
	for path, want := range map[string]string{
		"protocol/mattermost":                     `"network_id":"mm"`,
		"protocol/other":                          `M_NOT_FOUND`,
		"location/mattermost?chat=gym/markt":      `"alias":"#_steg_mm_markt:hs.test"`,
		"location/mattermost?chat=other":          `M_NOT_FOUND`,
		"location?alias=%23_steg_mm_x:hs.test":    `"alias":"#_steg_mm_x:hs.test"`,
		"user?userid=%40_steg_mm_anna:hs.test":    `"userid":"@_steg_mm_anna:hs.test"`,
		"user/mattermost?access_token=x&name=any": `M_UNKNOWN`,
	} {
		if _, body := do(t, http.MethodGet, url+path, "hs-token", ""); !strings.Contains(string(body), want) {
			t.Errorf("%s: %s", path, body)
		}
	}
}
