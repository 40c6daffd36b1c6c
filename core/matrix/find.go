package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
)

const (
	findPage  = 100
	findPages = 50
	// clockSkew is how far the homeserver's clock may be from ours.
	clockSkew = 2 * time.Minute
)

// Find looks for an event that as sent into room with the given marker, as far
// back as since (bounded to 5,000 events). since is the earlier of the first
// attempt and the time that the event was sent with: the homeserver dates the
// event by [intent.Send.Time]. A redacted event has lost its marker and is not
// found. After trouble with a homeserver that may still hold what it took, and our
// own start is such, finding nothing is a temporary error for a while (see trust.go).
func (s *Service) Find(ctx context.Context, room id.RoomID, as id.UserID, marker string, since time.Time) (id.EventID, bool, error) {
	oldest := since.Add(-clockSkew).UnixMilli()
	filter := mustFilter(map[string]any{"senders": []id.UserID{as}, "not_types": []string{"m.room.member"}})
	from := ""
	for range findPages {
		page, err := s.messages(ctx, room, from, "", filter, findPage)
		if err != nil {
			return "", false, fmt.Errorf("find event: %w", err)
		}
		allOlder := true
		for _, ev := range page.events {
			if ev.Get("origin_server_ts").Int() >= oldest {
				allOlder = false
			}
			if ev.Get("sender").String() == string(as) && markerOf(ev) == marker {
				found := id.EventID(ev.Get("event_id").String())
				s.sent.put(room, sentEvent{found, s.now()})
				s.unsure.remove(marker)
				return found, true, nil
			}
		}
		if page.last(from) || (allOlder && len(page.events) > 0) {
			break
		}
		from = page.end
	}
	if err := s.certain(ctx, room, marker, since); err != nil {
		return "", false, fmt.Errorf("find event: %w", err)
	}
	return "", false, nil
}

// page is one answer of /messages, newest event first.
type page struct {
	events []gjson.Result
	end    string // where the next page begins; "" = there is none
}

// last tells whether nothing comes after the page that was asked for with from.
func (p page) last(from string) bool { return p.end == "" || p.end == from }

// messages reads a page of a room's history, backwards, as the bot.
func (s *Service) messages(ctx context.Context, room id.RoomID, from, to, filter string, limit int) (page, error) {
	query := url.Values{"dir": {"b"}, "limit": {strconv.Itoa(limit)}, "filter": {filter}}
	if from != "" {
		query.Set("from", from)
	}
	if to != "" {
		query.Set("to", to)
	}
	answer, err := s.do(ctx, request{
		op: "read history", method: http.MethodGet, as: s.bot, query: query,
		path: path(clientV3, "rooms", string(room), "messages"),
	})
	if err != nil {
		return page{}, err
	}
	root := gjson.ParseBytes(answer)
	return page{events: root.Get("chunk").Array(), end: root.Get("end").String()}, nil
}

// markerOf reads the marker of an event, "" when it has none.
func markerOf(ev gjson.Result) string {
	// The key has dots, which are gjson's path separator.
	var marker string
	ev.Get("content").ForEach(func(key, value gjson.Result) bool {
		if key.String() != intent.MarkerKey {
			return true
		}
		marker = value.Get("id").String()
		return false
	})
	return marker
}

// mustFilter encodes a filter of constant shape.
func mustFilter(filter map[string]any) string {
	raw, err := json.Marshal(filter)
	if err != nil {
		panic(fmt.Sprintf("encode a filter: %v", err))
	}
	return string(raw)
}
