package matrix

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/steg-bridge/steg/core/intent"
)

func FuzzTransaction(f *testing.F) {
	f.Add([]byte(`{"events":[{"event_id":"$1","room_id":"!r","type":"t","sender":"@s","state_key":"","content":{}}],"ephemeral":[{"type":"m.typing","room_id":"!r","content":{}}]}`))
	f.Add([]byte(`{"events":[null,{"event_id":"$\u0000"}]}`))
	f.Add([]byte(`{"events":{}}`))
	f.Add([]byte("{\"events\":[{\"x\":\"\xff\"}]}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		txn, err := parseTransaction(body)
		if json.Valid(body) != gjson.ValidBytes(body) && !bytes.Contains(body, []byte("[[[[[[")) && !bytes.Contains(body, []byte(`{"":{"":{`)) {
			t.Fatal("validators disagree")
		}
		if err != nil {
			if len(txn.events) > 0 || len(txn.ephemeral) > 0 {
				t.Fatal("an error, and events")
			}
			return
		}
		for _, ev := range txn.events {
			if !identifier(string(ev.ID)) || !identifier(string(ev.Room)) || !identifier(ev.Type) || !identifier(string(ev.Sender)) {
				t.Fatalf("bad head %+v", ev)
			}
			if !utf8.Valid(ev.Raw) || !gjson.ValidBytes(ev.Raw) || ev.Source != intent.SourcePush {
				t.Fatalf("bad raw %q", ev.Raw)
			}
		}
		for _, e := range txn.ephemeral {
			if !gjson.ValidBytes(e.content) {
				t.Fatalf("bad content %q", e.content)
			}
		}
	})
}

func TestTooDeep(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", maxNesting+1) + strings.Repeat("]", maxNesting+1)
	if _, err := parseTransaction([]byte(`{"events":` + deep + `}`)); err == nil {
		t.Error("accepted")
	}
	flat := `{"events":["` + strings.Repeat("[", maxNesting+1) + `\"` + `"]}`
	if txn, err := parseTransaction([]byte(flat)); err != nil || txn.malformed != 1 {
		t.Errorf("brackets in a text: %v", err)
	}
}

func TestRoomIsPutIntoSyncedEvents(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{"event_id":"$1","type":"t","sender":"@s"}`:                `{"room_id":"!r","event_id":"$1","type":"t","sender":"@s"}`,
		`{"event_id":"$1","type":"t","sender":"@s","room_id":"!x"}`: `{"event_id":"$1","type":"t","sender":"@s","room_id":"!x"}`,
	} {
		ev, ok := eventOf(gjson.Parse(raw), "!r", intent.SourceSync)
		if !ok || string(ev.Raw) != want || ev.Room != "!r" {
			t.Errorf("%s: %v %s %s", raw, ok, ev.Room, ev.Raw)
		}
	}
}

func BenchmarkParseTransaction(b *testing.B) {
	body := bytes.NewBufferString(`{"events":[`)
	for n := range 50 {
		if n > 0 {
			body.WriteByte(',')
		}
		body.WriteString(`{"event_id":"$143273582443PhrSn","room_id":"!jEsUZKDJdhlrceRyVU:example.org","type":"m.room.message","sender":"@anna:example.org","origin_server_ts":1432735824653,"unsigned":{"age":1234},"content":{"msgtype":"m.text","body":"Morgen ist der Schulausflug, bitte Regenjacke und Znüni mitnehmen.","format":"org.matrix.custom.html","formatted_body":"Morgen ist der <b>Schulausflug</b>."}}`)
	}
	body.WriteString(`]}`)
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if txn, err := parseTransaction(body.Bytes()); err != nil || len(txn.events) != 50 {
			b.Fatal(err)
		}
	}
}
