package matrix_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

const txnPath = "/_matrix/app/v1/transactions/"

func appservice(tb testing.TB, w *world) string {
	tb.Helper()
	as := httptest.NewServer(w.Handler(w.inbox))
	tb.Cleanup(as.Close)
	return as.URL
}

func oneEvent(n string) string {
	return fmt.Sprintf(`{"event_id":"$%s","room_id":"!r:hs.test","type":"m.room.message","sender":"@anna:hs.test","content":{"body":"geheim"}}`, n)
}

func TestTransactionIsStoredBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Synapse)
	url := appservice(t, w)
	state := `{"event_id":"$2","room_id":"!r:hs.test","type":"m.room.topic","state_key":"","sender":"@anna:hs.test","content":{}}`
	status, body := do(t, http.MethodPut, url+txnPath+"1", "hs-token", `{"events":[`+oneEvent("1")+`,`+state+`]}`)
	if status != http.StatusOK || strings.TrimSpace(string(body)) != "{}" {
		t.Fatalf("%d %s", status, body)
	}
	empty := ""
	want := []intent.Event{
		{ID: "$1", Room: "!r:hs.test", Type: "m.room.message", Sender: "@anna:hs.test", Source: intent.SourcePush, Raw: []byte(oneEvent("1"))},
		{ID: "$2", Room: "!r:hs.test", Type: "m.room.topic", Sender: "@anna:hs.test", StateKey: &empty, Source: intent.SourcePush, Raw: []byte(state)},
	}
	if diff := cmp.Diff(want, w.inbox.events); diff != "" {
		t.Error(diff)
	}
}

func TestWhoMayPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Synapse)
	url := appservice(t, w)
	good := `{"events":[` + oneEvent("1") + `]}`
	for _, c := range []struct {
		name, method, path, token, body string
		status                          int
		code                            string
	}{
		{"header", "PUT", txnPath + "1", "hs-token", good, 200, ""},
		{"query", "PUT", "/transactions/1?access_token=hs-token", "", good, 200, ""},
		{"old path", "PUT", "/transactions/1", "hs-token", good, 200, ""},
		{"no token", "PUT", txnPath + "1", "", good, 401, "M_MISSING_TOKEN"},
		{"wrong token", "PUT", txnPath + "1", "hs-toke", good, 403, "M_FORBIDDEN"},
		{"as token", "PUT", txnPath + "1", "as-token", good, 403, "M_FORBIDDEN"},
		{"wrong query token", "PUT", txnPath + "1?access_token=x", "", good, 403, "M_FORBIDDEN"},
		{"wrong method", "POST", txnPath + "1", "hs-token", good, 405, "M_UNRECOGNIZED"},
		{"unknown path", "PUT", "/_matrix/app/v1/nothing", "hs-token", good, 404, "M_UNRECOGNIZED"},
		{"unknown path, no token", "GET", "/_matrix/app/v1/nothing", "", "", 401, "M_MISSING_TOKEN"},
		{"other path", "GET", "/", "", "", 404, "M_UNRECOGNIZED"},
		{"no JSON", "PUT", txnPath + "1", "hs-token", `{"events":[`, 400, "M_NOT_JSON"},
		{"empty", "PUT", txnPath + "1", "hs-token", ``, 400, "M_NOT_JSON"},
		{"array", "PUT", txnPath + "1", "hs-token", `[]`, 400, "M_BAD_JSON"},
		{"events not a list", "PUT", txnPath + "1", "hs-token", `{"events":{}}`, 400, "M_BAD_JSON"},
		{"no events", "PUT", txnPath + "1", "hs-token", `{}`, 200, ""},
		{"ping", "POST", "/_matrix/app/v1/ping", "hs-token", `{"transaction_id":"x"}`, 200, ""},
		{"odd transaction id", "PUT", txnPath + "a%2Fb%23", "hs-token", good, 200, ""},
	} {
		status, body := do(t, c.method, url+c.path, c.token, c.body)
		if status != c.status || !strings.Contains(string(body), c.code) {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, body, c.status, c.code)
		}
	}
	if got := len(w.inbox.events); got != 1 {
		t.Errorf("%d events stored", got)
	}
}

func TestMalformedEventsDoNotBlockTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Synapse)
	url := appservice(t, w)
	deep := strings.Repeat(`[`, 20_000) + strings.Repeat(`]`, 20_000)
	events := []string{
		`null`, `7`, `"x"`, `[]`, `{}`,
		`{"event_id":"$a","type":"m.room.message","sender":"@a:b"}`,
		`{"room_id":"!r:hs.test","type":"m.room.message","sender":"@a:b"}`,
		`{"event_id":7,"room_id":"!r:hs.test","type":"m.room.message","sender":"@a:b"}`,
		`{"event_id":"$b\u0000","room_id":"!r:hs.test","type":"m.room.message","sender":"@a:b"}`,
		`{"event_id":"$` + strings.Repeat("x", 300) + `","room_id":"!r:hs.test","type":"t","sender":"@a:b"}`,
		oneEvent("good"),
		`{"event_id":"$deep","room_id":"!r:hs.test","type":"m.x","sender":"@a:b","content":{"x":` + deep + `}}`,
		`{"Event_ID":"$upper","Room_ID":"!r:hs.test","Type":"t","Sender":"@a:b"}`,
		"{\"event_id\":\"$utf8\",\"room_id\":\"!r:hs.test\",\"type\":\"m.x\",\"sender\":\"@a:b\",\"content\":{\"body\":\"\xff\"}}",
	}
	status, body := do(t, http.MethodPut, url+txnPath+"1", "hs-token", `{"events":[`+strings.Join(events, ",")+`]}`)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	var got []id.EventID
	for _, ev := range w.inbox.events {
		got = append(got, ev.ID)
	}
	if diff := cmp.Diff([]id.EventID{"$good", "$deep", "$utf8"}, got); diff != "" {
		t.Error(diff)
	}
	if log := w.log.String(); !strings.Contains(log, `"events":11`) || strings.Contains(log, "geheim") {
		t.Errorf("log: %s", log)
	}
}

func TestFailedStoreIsAnsweredWithAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Synapse)
	url := appservice(t, w)
	w.inbox.failNext(1)
	body := `{"events":[` + oneEvent("1") + `]}`
	if status, answer := do(t, http.MethodPut, url+txnPath+"1", "hs-token", body); status != http.StatusInternalServerError {
		t.Fatalf("%d %s", status, answer)
	}
	if status, _ := do(t, http.MethodPut, url+txnPath+"1", "hs-token", body); status != http.StatusOK || len(w.inbox.events) != 1 {
		t.Fatalf("%d, %d events", status, len(w.inbox.events))
	}
	if log := w.log.String(); !strings.Contains(log, "not stored") || strings.Contains(log, "geheim") {
		t.Errorf("log: %s", log)
	}
}

func TestTooLargeTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Synapse)
	url := appservice(t, w)
	big := strings.Repeat(" ", 64<<20)
	if status, body := do(t, http.MethodPut, url+txnPath+"1", "hs-token", big+"{}"); status != http.StatusRequestEntityTooLarge || !strings.Contains(string(body), "M_TOO_LARGE") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := do(t, http.MethodPut, url+txnPath+"2", "hs-token", big[:20<<20]+"{}"); status != http.StatusOK {
		t.Errorf("20 MiB: %d", status)
	}
}

func TestEphemeral(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Synapse)
	url := appservice(t, w)
	body := `{"events":[],"ephemeral":[{"type":"m.typing","room_id":"!r:hs.test","content":{"user_ids":[]}},{"type":"m.presence","content":{}}],` +
		`"de.sorunome.msc2409.ephemeral":[{"type":"m.receipt","room_id":"!r:hs.test","content":{}}, 7]}`
	if status, answer := do(t, http.MethodPut, url+txnPath+"1", "hs-token", body); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	if w.inbox.typing != 2 {
		t.Errorf("%d ephemeral events", w.inbox.typing)
	}
}

// Item 1: the application service fails, the transaction grows under the same
// ID; nothing may be lost or doubled.
func TestGrownTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, _ := w.portal(t, "grown")
	anna := w.hs.AddUser("anna", "Anna")
	w.hs.Member(room, anna, anna, "join")
	w.inbox.failNext(5)
	w.serve(t)
	var want []id.EventID
	for n := range 120 {
		want = append(want, w.hs.Say(room, anna, strconv.Itoa(n)))
	}
	w.inbox.until(t, "120 messages", func() bool { return len(w.inbox.ids("m.room.message")) == len(want) })
	if diff := cmp.Diff(want, w.inbox.ids("m.room.message")); diff != "" {
		t.Error(diff)
	}
	var failed int
	for _, a := range w.hs.Attempts() {
		if a.Status == http.StatusInternalServerError {
			failed++
		}
	}
	if failed != 5 {
		t.Errorf("%d failed attempts", failed)
	}
}

// Item 2: the connection breaks after the commit; what comes again is not
// doubled.
func TestRepeatedTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	room, _ := w.portal(t, "repeated")
	anna := w.hs.AddUser("anna", "Anna")
	w.hs.Member(room, anna, anna, "join")

	// A proxy that loses the first answers.
	handler := w.Handler(w.inbox)
	var mu sync.Mutex
	lose := 3
	as := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		mu.Lock()
		lost := lose > 0 && strings.Contains(req.URL.Path, "/transactions/")
		if lost {
			lose--
		}
		mu.Unlock()
		if lost {
			handler.ServeHTTP(httptest.NewRecorder(), req)
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(rw, req)
	}))
	t.Cleanup(as.Close)
	w.hs.Connect(as.URL)

	var want []id.EventID
	for n := range 60 {
		want = append(want, w.hs.Say(room, anna, strconv.Itoa(n)))
	}
	w.inbox.until(t, "60 messages", func() bool { return len(w.inbox.ids("m.room.message")) == len(want) })
	if diff := cmp.Diff(want, w.inbox.ids("m.room.message")); diff != "" {
		t.Error(diff)
	}
	if w.inbox.repeats == 0 {
		t.Error("nothing was repeated")
	}
}

func TestTransactionsReachTheInboxOneByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Synapse)
	url := appservice(t, w)
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			body := `{"events":[` + oneEvent(fmt.Sprintf("%d-a", n)) + `,` + oneEvent(fmt.Sprintf("%d-b", n)) + `]}`
			if status, _ := do(t, http.MethodPut, url+txnPath+strconv.Itoa(n), "hs-token", body); status != http.StatusOK {
				t.Errorf("%d", status)
			}
		})
	}
	wg.Wait()
	ids := w.inbox.ids("m.room.message")
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 40 {
		t.Errorf("%d events", len(ids))
	}
}

// Late events, in another order, are normal.
func TestReorderedEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, matrixtest.Dendrite)
	w.serve(t)
	room, _ := w.portal(t, "late")
	anna := w.hs.AddUser("anna", "Anna")
	for n := range 5 {
		w.hs.Say(room, anna, strconv.Itoa(n))
	}
	w.inbox.until(t, "5 messages", func() bool { return len(w.inbox.ids("m.room.message")) == 5 })
	all := w.hs.Events(room, "m.room.message")
	slices.Reverse(all)
	if status, err := w.hs.Push(t.Context(), "again", all, nil); status != http.StatusOK || err != nil {
		t.Fatalf("%d %v", status, err)
	}
	if got := w.inbox.ids("m.room.message"); len(got) != 5 {
		t.Errorf("%d events", len(got))
	}
}
