package integration_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/integration/harness"
)

func TestOutgoing(t *testing.T) {
	t.Parallel()
	for name, synapse := range homeservers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, synapse)
			check(t, w.EnsureGhost(t.Context(), w.Bot()))
			t.Run("rooms", w.rooms)
			t.Run("roomVersions", w.roomVersions)
			t.Run("updateLevels", w.updateLevels)
			t.Run("sends", w.sends)
			t.Run("refusedSenders", w.refusedSenders)
			t.Run("transactionIDs", w.transactionIDs)
			t.Run("find", w.find)
			t.Run("sizes", w.sizes)
			t.Run("redactions", w.redactions)
			t.Run("profiles", w.profiles)
			t.Run("oddNames", w.oddNames)
			t.Run("members", w.members)
			t.Run("nothingThere", w.nothingThere)
		})
	}
}

func (w *world) rooms(t *testing.T) {
	admin := id.UserID("@anna:hs.test")
	for _, private := range []bool{true, false} {
		r := intent.Room{
			AliasLocal: fmt.Sprint("rooms_", private), Name: "Markt", Topic: "Alles", Private: private,
			Levels: intent.Levels{WriteLocked: true, Admins: []id.UserID{admin}},
			Bridge: intent.BridgeInfo{StateKey: "steg/mm/1", Protocol: "mattermost", Network: "mm", Channel: "1"},
		}
		room := must(w.CreateRoom(t.Context(), r))(t)
		rule, history, invite := "public", "shared", 50.0
		if private {
			rule, history, invite = "invite", "joined", 100.0
		}
		levels := w.state(t, room, "m.room.power_levels", "")
		events, _ := levels["events"].(map[string]any)
		for what, c := range map[string][2]any{
			"rule":     {w.state(t, room, "m.room.join_rules", "")["join_rule"], rule},
			"history":  {w.state(t, room, "m.room.history_visibility", "")["history_visibility"], history},
			"guests":   {w.state(t, room, "m.room.guest_access", "")["guest_access"], "forbidden"},
			"federate": {w.state(t, room, "m.room.create", "")["m.federate"], false},
			"version":  {w.state(t, room, "m.room.create", "")["room_version"], "10"},
			"name":     {w.state(t, room, "m.room.name", "")["name"], "Markt"},
			"topic":    {w.state(t, room, "m.room.topic", "")["topic"], "Alles"},
			"bridge":   {w.state(t, room, "m.bridge", "steg/mm/1")["bridgebot"], string(w.Bot())},
			"invite":   {levels["invite"], invite},
			"write":    {levels["events_default"], 50.0},
			"users":    {levels["users"], map[string]any{string(w.Bot()): 100.0, string(admin): 100.0}},
			"encrypt":  {events["m.room.encryption"], 100.0},
			"redact":   {events["m.room.redaction"], 0.0},
		} {
			if diff := cmp.Diff(c[1], c[0]); diff != "" {
				t.Errorf("private %v, %s: %s", private, what, diff)
			}
		}
		if status, _ := w.request(t, http.MethodGet, "/rooms/"+string(room)+"/state/m.room.encryption/", w.Bot(), nil); status != http.StatusNotFound {
			t.Errorf("encrypted: %d", status)
		}
		// Again: the alias leads to the same room, which is brought up to date.
		r.Name, r.Invite = "Neu", []id.UserID{admin}
		if again := must(w.CreateRoom(t.Context(), r))(t); again != room {
			t.Errorf("another room: %s", again)
		}
		if got := w.state(t, room, "m.room.name", "")["name"]; got != "Neu" {
			t.Errorf("name %v", got)
		}
	}
	// At once.
	var wg sync.WaitGroup
	made := make([]id.RoomID, 4)
	for n := range made {
		wg.Go(func() { made[n], _ = w.CreateRoom(t.Context(), intent.Room{AliasLocal: "rooms_once"}) })
	}
	wg.Wait()
	for _, room := range made {
		if room == "" || room != made[0] {
			t.Errorf("%v", made)
		}
	}
	direct := must(w.CreateDirect(t.Context(), "@anna:hs.test"))(t)
	if must(w.anna.AcceptInvite(t.Context(), direct))(t) != direct {
		t.Error("not in the direct room")
	}
	must(w.Notice(t.Context(), direct, "notice-1", "Hallo", "<b>Hallo</b>"))(t)
}

func (w *world) roomVersions(t *testing.T) {
	for _, version := range []string{"11", "12"} {
		s := w.service(t, func(o *matrix.Options) { o.RoomVersion = version })
		room := must(s.CreateRoom(t.Context(), intent.Room{AliasLocal: "version_" + version, Name: "V"}))(t)
		ghost := s.GhostID("mm", "k3h7")
		check(t, s.EnsureJoined(t.Context(), room, ghost))
		check(t, s.UpdateLevels(t.Context(), room, intent.Levels{WriteLocked: true, Speakers: []id.UserID{ghost}, Admins: []id.UserID{w.Bot()}}))
		must(s.Send(t.Context(), message(room, ghost, "version_"+version)))(t)
		if level := must(s.PowerLevel(t.Context(), room, s.Bot()))(t); level < 100 {
			t.Errorf("version %s: level %d", version, level)
		}
		if again := must(s.CreateRoom(t.Context(), intent.Room{AliasLocal: "version_" + version}))(t); again != room {
			t.Errorf("version %s: %s", version, again)
		}
	}
}

func (w *world) updateLevels(t *testing.T) {
	room, ghost := w.room(t, "levels")
	locked := intent.Levels{WriteLocked: true, Speakers: []id.UserID{ghost}}
	for range 2 {
		check(t, w.UpdateLevels(t.Context(), room, locked))
	}
	if _, err := w.anna.Say(t.Context(), room, "x"); err == nil {
		t.Error("Anna may write")
	}
	must(w.Send(t.Context(), message(room, ghost, "levels-1")))(t)
	check(t, w.UpdateLevels(t.Context(), room, intent.Levels{}))
	w.seen(t, room, must(w.anna.Say(t.Context(), room, "x"))(t))
	var count int
	for _, ev := range must(w.anna.Events(t.Context(), room))(t) {
		if ev.Type == event.StatePowerLevels {
			count++
		}
	}
	if count != 3 {
		t.Errorf("%d power level events", count)
	}
	foreign := must(w.anna.NewPublicRoom(t.Context(), "fremd", "fremd"))(t)
	must(w.Join(t.Context(), "#fremd:hs.test"))(t)
	if err := w.UpdateLevels(t.Context(), foreign, locked); !errors.Is(err, bridge.ErrForbidden) || !strings.Contains(err.Error(), "needs 100") {
		t.Errorf("%v", err)
	}
}

func (w *world) sends(t *testing.T) {
	room, ghost := w.room(t, "sends")
	m := message(room, ghost, "sends-1")
	m.Time = time.Now().Add(-48 * time.Hour)
	eventID := must(w.Send(t.Context(), m))(t)
	w.seen(t, room, eventID)
	all := must(w.anna.Events(t.Context(), room))(t)
	last := all[len(all)-1]
	if last.ID != eventID || last.Sender != ghost || last.Timestamp != m.Time.UnixMilli() {
		t.Errorf("%+v", last)
	}
	if mark, _ := json.Marshal(last.Content.Raw[intent.MarkerKey]); string(mark) != `{"id":"sends-1"}` {
		t.Errorf("%s", mark)
	}
	// Found although it is dated two days back.
	if found, ok, err := w.Find(t.Context(), room, ghost, "sends-1", m.Time); err != nil || !ok || found != eventID {
		t.Errorf("%s %v %v", found, ok, err)
	}
}

func (w *world) refusedSenders(t *testing.T) {
	for _, private := range []bool{true, false} {
		// A Service that knows nothing yet.
		s := w.service(t, func(*matrix.Options) {})
		room := must(s.CreateRoom(t.Context(), intent.Room{AliasLocal: fmt.Sprint("refused_", private), Private: private}))(t)
		ghost := s.GhostID("mm", bridge.UserID(fmt.Sprint("new", private)))
		must(s.Send(t.Context(), message(room, ghost, fmt.Sprint("unregistered-", private))))(t)
		check(t, s.Kick(t.Context(), room, ghost, "x"))
		must(s.Send(t.Context(), message(room, ghost, fmt.Sprint("kicked-", private))))(t)
		status, body := w.request(t, http.MethodPost, "/rooms/"+string(room)+"/ban", w.Bot(), []byte(`{"user_id":"`+string(ghost)+`"}`))
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		if _, err := s.Send(t.Context(), message(room, ghost, fmt.Sprint("banned-", private))); !errors.Is(err, bridge.ErrForbidden) {
			t.Errorf("banned: %v", err)
		}
	}
	foreign := must(w.anna.NewRoom(t.Context(), "fremd"))(t)
	if err := w.EnsureJoined(t.Context(), foreign, w.GhostID("mm", "x")); !errors.Is(err, bridge.ErrForbidden) {
		t.Errorf("foreign room: %v", err)
	}
	if _, err := w.Send(t.Context(), message("!nothing:hs.test", w.Bot(), "nowhere")); bridge.Classify(err) != bridge.ClassPermanent {
		t.Errorf("no such room: %v", err)
	}
}

// transactionIDs shows what matrixtest imitates: the key is shared between all
// ghosts.
func (w *world) transactionIDs(t *testing.T) {
	room, ghost := w.room(t, "txns")
	other := w.GhostID("mm", "other")
	check(t, w.EnsureJoined(t.Context(), room, other))
	first := must(w.Send(t.Context(), message(room, ghost, "same")))(t)
	if again := must(w.Send(t.Context(), message(room, ghost, "same")))(t); again != first {
		t.Errorf("repeated: %s", again)
	}
	if shared := must(w.Send(t.Context(), message(room, other, "same")))(t); shared != first {
		t.Errorf("the other ghost's event exists: matrixtest should not share the key")
	}
}

func (w *world) find(t *testing.T) {
	room, ghost := w.room(t, "find")
	start := time.Now()
	first := must(w.Send(t.Context(), message(room, ghost, "find-first")))(t)
	for n := range 120 {
		must(w.Send(t.Context(), message(room, ghost, fmt.Sprint("find-", n))))(t)
		if n%10 == 0 {
			must(w.anna.Say(t.Context(), room, "zwischendurch"))(t)
		}
	}
	w.seen(t, room, must(w.anna.Say(t.Context(), room, "am Ende"))(t))
	w.absent(t, room, ghost, "find-never", start)
	if found, ok, err := w.Find(t.Context(), room, ghost, "find-first", start); err != nil || !ok || found != first {
		t.Errorf("far back: %s %v %v", found, ok, err)
	}
}

// absent wants a marker not to be found. Of Dendrite that is not believed at once,
// see core/matrix/trust.go.
func (w *world) absent(t *testing.T, room id.RoomID, ghost id.UserID, marker string, since time.Time) {
	t.Helper()
	_, ok, err := w.Find(t.Context(), room, ghost, marker, since)
	if ok {
		t.Errorf("%s was found", marker)
	}
	temporary, careful := errors.AsType[*bridge.TemporaryError](err)
	if err != nil && (w.synapse || !careful || temporary.Shared || temporary.After == 0) {
		t.Errorf("look for %s: %v", marker, err)
	}
}

func (w *world) sizes(t *testing.T) {
	room, ghost := w.room(t, "sizes")
	for size, want := range map[int]error{60_000: nil, 65_000: bridge.ErrTooLarge, 70_000: bridge.ErrTooLarge, 2_000_000: bridge.ErrTooLarge} {
		m := message(room, ghost, fmt.Sprint("size-", size))
		m.Content = map[string]string{"msgtype": "m.text", "body": strings.Repeat("x", size)}
		if _, err := w.Send(t.Context(), m); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func (w *world) redactions(t *testing.T) {
	room, ghost := w.room(t, "redactions")
	target := must(w.Send(t.Context(), message(room, ghost, "redact-1")))(t)
	for n := range 2 {
		r := intent.Redact{Room: room, As: ghost, Target: target, TxnID: fmt.Sprint("redaction-", n), Reason: "entfernt"}
		if _, err := w.Redact(t.Context(), r); err != nil {
			t.Errorf("redaction %d: %v", n, err)
		}
	}
	w.reads(t, room, func(m harness.MatrixMessage) bool { return m.ID == target && m.Redacted })
	theirs := must(w.anna.Say(t.Context(), room, "x"))(t)
	must(w.Redact(t.Context(), intent.Redact{Room: room, As: w.Bot(), Target: theirs, TxnID: "redaction-bot"}))(t)
	w.absent(t, room, ghost, "redact-1", time.Now()) // redacted, it has lost its marker
	_, err := w.Redact(t.Context(), intent.Redact{Room: room, As: w.Bot(), Target: "$nothing", TxnID: "redaction-none"})
	t.Logf("redacting what does not exist: %v", err)
	if err != nil && bridge.Classify(err) != bridge.ClassPermanent {
		t.Errorf("unknown target: %v", err)
	}
}

func (w *world) profiles(t *testing.T) {
	ghost := w.GhostID("mm", "profile")
	check(t, w.EnsureGhost(t.Context(), ghost))
	check(t, w.SetName(t.Context(), ghost, "Beat Müller (MM)"))
	picture := image.NewRGBA(image.Rect(0, 0, 300, 200))
	picture.Set(10, 10, color.White)
	var file bytes.Buffer
	check(t, png.Encode(&file, picture))
	mxc := must(w.SetAvatar(t.Context(), ghost, &file, "image/png"))(t)
	if p := must(w.Profile(t.Context(), ghost))(t); p != (intent.Profile{Name: "Beat Müller (MM)", Avatar: mxc}) {
		t.Errorf("%+v", p)
	}
	stop := w.run(t)
	status, body := get(t, w.AvatarURL(mxc))
	shown, kind, err := image.Decode(bytes.NewReader(body))
	if err != nil || status != http.StatusOK || shown.Bounds().Dx() > 300 {
		t.Errorf("%d %v", status, err)
	} else {
		t.Logf("shown as %s, %v", kind, shown.Bounds())
	}
	if status, _ := get(t, w.AvatarURL("mxc://hs.test/nothing")); status != http.StatusNotFound {
		t.Errorf("no such picture: %d", status)
	}
	stop()
	check(t, w.ClearAvatar(t.Context(), ghost))
	if p := must(w.Profile(t.Context(), ghost))(t); p.Avatar != "" {
		t.Errorf("%+v", p)
	}
	if _, err := w.Profile(t.Context(), "@nobody:hs.test"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func (w *world) oddNames(t *testing.T) {
	room, _ := w.room(t, "odd")
	for n, user := range []bridge.UserID{"ABC_def", "müller a/b@x.ch", bridge.UserID(strings.Repeat("ü", 200)), "=+-./~"} {
		ghost := w.GhostID("mm", user)
		check(t, w.EnsureJoined(t.Context(), room, ghost))
		must(w.Send(t.Context(), message(room, ghost, fmt.Sprint("odd-", n))))(t)
	}
}

func (w *world) members(t *testing.T) {
	room, ghost := w.room(t, "members")
	beat := must(w.hs.NewPerson(t.Context(), "beat"))(t)
	gone := w.GhostID("mm", "gone")
	check(t, w.EnsureJoined(t.Context(), room, gone))
	for range 2 {
		check(t, w.Leave(t.Context(), room, gone))
	}
	check(t, w.Invite(t.Context(), room, beat.UserID))
	want := []intent.Member{
		{User: w.Bot(), Membership: "join"},
		{User: ghost, Membership: "join"},
		{User: w.anna.UserID, Membership: "join"},
		{User: beat.UserID, Membership: "invite"},
	}
	// Dendrite's list follows a moment later.
	var diff string
	for range 100 {
		got := must(w.Members(t.Context(), room))(t)
		for n := range got {
			got[n].Name, got[n].By = "", "" // see TestMemberships
		}
		diff = cmp.Diff(want, got, cmpopts.SortSlices(func(a, b intent.Member) bool { return a.User < b.User }))
		if diff == "" {
			break
		}
		pause(t, 50*time.Millisecond)
	}
	if diff != "" {
		t.Error(diff)
	}
	if found := must(w.ResolveAlias(t.Context(), w.AliasFor("members")))(t); found != room {
		t.Errorf("%s", found)
	}
}

func (w *world) nothingThere(t *testing.T) {
	if _, err := w.ResolveAlias(t.Context(), "#nothing:hs.test"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("alias: %v", err)
	}
	bad := w.service(t, func(o *matrix.Options) { o.ASToken = "wrong" })
	if err := bad.EnsureGhost(t.Context(), w.GhostID("mm", "x")); !errors.Is(err, bridge.ErrLoggedOut) {
		t.Errorf("token: %v", err)
	}
	clash := w.service(t, func(o *matrix.Options) { o.BotLocalpart = "otherbot" })
	if err := clash.EnsureGhost(t.Context(), clash.Bot()); !errors.Is(err, matrix.ErrClash) {
		t.Errorf("outside the namespace: %v", err)
	}
}
