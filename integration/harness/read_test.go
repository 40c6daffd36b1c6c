package harness

import (
	"encoding/json"
	"testing"

	"maunium.net/go/mautrix/event"
)

func TestMessagesOfFoldsWhatBelongsTogether(t *testing.T) {
	t.Parallel()
	const timeline = `[
		{"type":"m.reaction","event_id":"$early","sender":"@b:hs","content":{"m.relates_to":{"rel_type":"m.annotation","event_id":"$a","key":"👍"}}},
		{"type":"m.room.message","event_id":"$a","sender":"@a:hs","content":{"msgtype":"m.text","body":"eins"}},
		{"type":"m.room.message","event_id":"$foreign","sender":"@b:hs","content":{"msgtype":"m.text","body":"* böse",
			"m.new_content":{"msgtype":"m.text","body":"böse"},"m.relates_to":{"rel_type":"m.replace","event_id":"$a"}}},
		{"type":"m.room.message","event_id":"$edit","sender":"@a:hs","content":{"msgtype":"m.text","body":"* zwei",
			"m.new_content":{"msgtype":"m.text","body":"zwei"},"m.relates_to":{"rel_type":"m.replace","event_id":"$a"}}},
		{"type":"m.room.message","event_id":"$lost","sender":"@a:hs","content":{"msgtype":"m.text","body":"* fort",
			"m.new_content":{"msgtype":"m.text","body":"fort"},"m.relates_to":{"rel_type":"m.replace","event_id":"$unknown"}}},
		{"type":"m.room.topic","state_key":"","event_id":"$topic","sender":"@a:hs","content":{"topic":"x"}}
	]`
	var events []*event.Event
	if err := json.Unmarshal([]byte(timeline), &events); err != nil {
		t.Fatal(err)
	}
	for _, ev := range events {
		if err := ev.Content.ParseRaw(ev.Type); err != nil {
			t.Fatal(err)
		}
	}
	got := messagesOf(events)
	if len(got) != 1 {
		t.Fatalf("%d messages, want 1: %+v", len(got), got)
	}
	if got[0].Text != "eins" || got[0].Latest() != "zwei" || len(got[0].Edits) != 1 || len(got[0].Reactions["👍"]) != 1 {
		t.Errorf("got %+v", got[0])
	}
}
