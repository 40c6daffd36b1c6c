package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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
	var found id.EventID
	err := s.eachMarked(ctx, room, []id.UserID{as}, marker, since, func(ev gjson.Result) (more bool) {
		found = id.EventID(ev.Get("event_id").String())
		return false
	})
	if err == nil {
		err = s.foundOrNot(ctx, room, found, marker, since)
	}
	if err != nil {
		return "", false, fmt.Errorf("find event: %w", err)
	}
	return found, found != "", nil
}

// FindAmong is [Service.Find] for an event that one of several users has sent, of
// whom some are people: the programs of those may have copied the marker into other
// events since. The oldest one is the event, and its sender is returned. The bot
// reads, so that it does not matter whether a person is still in the room.
func (s *Service) FindAmong(
	ctx context.Context, room id.RoomID, senders []id.UserID, marker string, since time.Time,
) (found id.EventID, sender id.UserID, ok bool, err error) {
	err = s.eachMarked(ctx, room, senders, marker, since, func(ev gjson.Result) (more bool) {
		found, sender = id.EventID(ev.Get("event_id").String()), id.UserID(ev.Get("sender").String())
		return true // the newest come first
	})
	if err == nil {
		err = s.foundOrNot(ctx, room, found, marker, since)
	}
	if err != nil {
		return "", "", false, fmt.Errorf("find event: %w", err)
	}
	return found, sender, found != "", nil
}

// eachMarked calls visit with the events of senders that carry a marker, newest
// first, until it wants no more.
func (s *Service) eachMarked(
	ctx context.Context, room id.RoomID, senders []id.UserID, marker string, since time.Time, visit func(gjson.Result) (more bool),
) error {
	oldest := since.Add(-clockSkew).UnixMilli()
	filter := mustFilter(map[string]any{"senders": senders, "not_types": []string{"m.room.member"}})
	from := ""
	for range findPages {
		page, err := s.messages(ctx, room, from, "", filter, findPage)
		if err != nil {
			return err
		}
		allOlder := true
		for _, ev := range page.events {
			if ev.Get("origin_server_ts").Int() >= oldest {
				allOlder = false
			}
			if slices.Contains(senders, id.UserID(ev.Get("sender").String())) && markerOf(ev) == marker && !visit(ev) {
				return nil
			}
		}
		if page.last(from) || (allOlder && len(page.events) > 0) {
			return nil
		}
		from = page.end
	}
	return nil
}

// foundOrNot notes what a search has found, and tells when finding nothing proves
// nothing.
func (s *Service) foundOrNot(ctx context.Context, room id.RoomID, found id.EventID, marker string, since time.Time) error {
	if found == "" {
		return s.certain(ctx, room, marker, since)
	}
	s.sent.put(room, sentEvent{found, s.now()})
	s.unsure.remove(marker)
	return nil
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
