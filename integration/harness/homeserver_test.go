package harness_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/harness/harnesstest"
)

func TestPeopleTalkOnDendrite(t *testing.T) {
	t.Parallel()
	testPeopleTalk(t, servers.Dendrite(t))
}

func TestPeopleTalkOnSynapse(t *testing.T) {
	t.Parallel()
	testPeopleTalk(t, servers.Synapse(t))
}

func TestDendriteKeepsItsDataWhenKilled(t *testing.T) {
	t.Parallel()
	testKill(t, harnesstest.Dendrite(t, harness.HomeserverOptions{}))
}

func TestSynapseKeepsItsDataWhenKilled(t *testing.T) {
	t.Parallel()
	testKill(t, harnesstest.Synapse(t, harness.HomeserverOptions{}))
}

func TestDendriteOnPostgres(t *testing.T) {
	t.Parallel()
	testKill(t, harnesstest.Dendrite(t, harness.HomeserverOptions{Postgres: servers.Postgres(t)}))
}

func TestSynapseOnPostgres(t *testing.T) {
	t.Parallel()
	testKill(t, harnesstest.Synapse(t, harness.HomeserverOptions{Postgres: servers.Postgres(t)}))
}

func TestDendriteServesAnApplicationService(t *testing.T) {
	t.Parallel()
	testRegistration(t, harnesstest.Dendrite)
}

func TestSynapseServesAnApplicationService(t *testing.T) {
	t.Parallel()
	testRegistration(t, harnesstest.Synapse)
}

// testPeopleTalk lets two people do everything a person can do in a room.
func testPeopleTalk(t *testing.T, server *harness.Homeserver) {
	t.Helper()
	ctx := t.Context()
	anna, bruno := person(t, server, "anna"), person(t, server, "bruno")

	room, err := anna.NewRoom(ctx, "Klasse 3a", bruno.UserID)
	check(t, err)
	joined, err := bruno.AcceptInvite(ctx, room)
	check(t, err)
	if joined != room {
		t.Fatalf("joined %s, want %s", joined, room)
	}

	first, err := anna.Say(ctx, room, "Guten Tag")
	check(t, err)
	_, err = bruno.WaitFor(ctx, room, func(m harness.MatrixMessage) bool { return m.ID == first })
	check(t, err)
	_, err = bruno.Reply(ctx, room, first, "Grüezi")
	check(t, err)
	_, err = bruno.ThreadReply(ctx, room, first, "im Faden")
	check(t, err)
	_, err = anna.SayHTML(ctx, room, "fett", "<b>fett</b>")
	check(t, err)
	_, err = anna.Edit(ctx, room, first, "Guten Abend")
	check(t, err)
	gone, err := anna.Say(ctx, room, "Versehen")
	check(t, err)
	check(t, anna.Redact(ctx, room, gone))
	_, err = bruno.React(ctx, room, first, "👍")
	check(t, err)
	undone, err := anna.React(ctx, room, first, "👎")
	check(t, err)
	check(t, anna.Redact(ctx, room, undone))
	file, err := anna.SendFile(ctx, room, event.MsgFile, "plan.txt", "text/plain", []byte("Montag"))
	check(t, err)

	messages, err := bruno.WaitForAll(ctx, room, func(all []harness.MatrixMessage) bool {
		return len(all) > 0 && all[len(all)-1].ID == file
	})
	check(t, err)
	type view struct {
		Sender          id.UserID
		Text, Latest    string
		HTML            string
		ReplyTo, Thread id.EventID
		Redacted        bool
		Reactions       map[string][]id.UserID
	}
	var got []view
	for _, m := range messages {
		got = append(got, view{m.Sender, m.Text, m.Latest(), m.HTML, m.ReplyTo, m.Thread, m.Redacted, m.Reactions})
	}
	want := []view{
		{Sender: anna.UserID, Text: "Guten Tag", Latest: "Guten Abend", Reactions: map[string][]id.UserID{"👍": {bruno.UserID}}},
		{Sender: bruno.UserID, Text: "Grüezi", Latest: "Grüezi", ReplyTo: first},
		{Sender: bruno.UserID, Text: "im Faden", Latest: "im Faden", Thread: first},
		{Sender: anna.UserID, Text: "fett", Latest: "fett", HTML: "<b>fett</b>"},
		{Sender: anna.UserID, Redacted: true},
		{Sender: anna.UserID, Text: "plan.txt", Latest: "plan.txt"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("room (-want +got):\n%s", diff)
	}
	uri, err := messages[len(messages)-1].URL.Parse()
	check(t, err)
	data, err := bruno.DownloadBytes(ctx, uri)
	check(t, err)
	if string(data) != "Montag" {
		t.Errorf("file holds %q", data)
	}

	members, err := bruno.Members(ctx, room)
	check(t, err)
	if len(members) != 2 {
		t.Errorf("%d members, want 2", len(members))
	}
	testPaging(t, anna)
}

// testPaging reads more messages than fit into one page.
func testPaging(t *testing.T, p *harness.MatrixPerson) {
	t.Helper()
	const count = 105
	room, err := p.NewPublicRoom(t.Context(), "viel", servers.Unique("viel"))
	check(t, err)
	var want []string
	for i := range count {
		text := fmt.Sprintf("Nummer %d", i)
		_, err := p.Say(t.Context(), room, text)
		check(t, err)
		want = append(want, text)
	}
	expectTexts(t, p, room, want)
}

// testKill kills the server between messages and expects all of them.
func testKill(t *testing.T, server *harness.Homeserver) {
	t.Helper()
	anna := person(t, server, "anna")
	room, err := anna.NewRoom(t.Context(), "bleibt")
	check(t, err)
	_, err = anna.Say(t.Context(), room, "vorher")
	check(t, err)
	check(t, server.Kill())
	if _, err := anna.Say(t.Context(), room, "nie"); err == nil {
		t.Fatal("a killed server answered")
	}
	check(t, server.Start(t.Context()))
	_, err = anna.Say(t.Context(), room, "nachher")
	check(t, err)
	check(t, server.Restart(t.Context()))
	expectTexts(t, anna, room, []string{"vorher", "nachher"})
}

// testRegistration lets the server push a message to an application service.
func testRegistration(t *testing.T, start func(testing.TB, harness.HomeserverOptions) *harness.Homeserver) {
	t.Helper()
	var pushed lockedBuffer
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer hs-secret" {
			_, _ = io.Copy(&pushed, r.Body)
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(service.Close)
	registration := filepath.Join(t.TempDir(), "registration.yaml")
	check(t, os.WriteFile(registration, []byte(`id: steg
url: `+service.URL+`
as_token: as-secret
hs_token: hs-secret
sender_localpart: steg-unused
rate_limited: false
namespaces:
  users: [{regex: '^@_steg_.*:hs\.test$', exclusive: true}]
  rooms: [{regex: '.*', exclusive: false}]
`), 0o600))

	server := start(t, harness.HomeserverOptions{Registrations: []string{registration}})
	anna := person(t, server, "anna")
	room, err := anna.NewPublicRoom(t.Context(), "Klasse", "klasse")
	check(t, err)
	sent, err := anna.Say(t.Context(), room, "an alle")
	check(t, err)
	waitUntil(t, func() bool { return strings.Contains(pushed.String(), sent.String()) })
}

// person registers and logs in somebody new.
func person(t *testing.T, server *harness.Homeserver, name string) *harness.MatrixPerson {
	t.Helper()
	p, err := server.NewPerson(t.Context(), servers.Unique(name))
	check(t, err)
	return p
}

// expectTexts waits until the room holds as many messages as expected, and
// compares them.
func expectTexts(t *testing.T, p *harness.MatrixPerson, room id.RoomID, want []string) {
	t.Helper()
	messages, err := p.WaitForAll(t.Context(), room, func(all []harness.MatrixMessage) bool { return len(all) >= len(want) })
	check(t, err)
	var got []string
	for _, m := range messages {
		got = append(got, m.Text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
