package matrix

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

const (
	// lookBack is how much further back than the last sync a catch-up reads, for
	// clocks that differ and events that came late.
	lookBack = 15 * time.Minute
	// catchUpPages bounds the catch-up of one room: 20,000 events.
	catchUpPages = 200
	// acceptAtOnce bounds one commit.
	acceptAtOnce = 500
)

// startSync begins without a usable position. What was missed since at is looked
// up room by room, after the new position was taken, so that nothing falls in
// between.
func (s *Service) startSync(ctx context.Context, inbox Inbox, at position) (position, error) {
	answer, err := s.sync(ctx, "", positionFilter(), true)
	if err != nil {
		return position{}, err
	}
	root := gjson.ParseBytes(answer)
	next := position{token: root.Get("next_batch").String(), at: s.now()}
	if next.token == "" {
		return position{}, errNotMatrix
	}
	evs := s.invites(root)
	if !at.at.IsZero() {
		rooms, err := s.joinedRooms(ctx)
		if err != nil {
			return position{}, err
		}
		for _, room := range rooms {
			missed, err := s.missed(ctx, room, "", position{at: at.at}, crossingTypes())
			if err != nil {
				return position{}, err
			}
			evs = append(evs, missed...)
		}
	}
	return next, accept(ctx, inbox, evs, next)
}

// missed reads a room's events of some types backwards from a token ("" = now) to
// the position, and returns them oldest first. A room that the bot may no longer
// read has none.
func (s *Service) missed(ctx context.Context, room id.RoomID, from string, at position, types []string) ([]intent.Event, error) {
	filter := mustFilter(map[string]any{"types": types})
	oldest := at.at.Add(-lookBack).UnixMilli()
	var evs []intent.Event
	for n := 0; ; n++ {
		if n == catchUpPages {
			s.log.LogAttrs(ctx, slog.LevelError, "catch-up of a room is too long, older events are not seen", slog.Int("events", len(evs)))
			break
		}
		p, err := s.messages(ctx, room, from, at.token, filter, 100)
		if errors.Is(err, bridge.ErrForbidden) || errors.Is(err, bridge.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("catch up: %w", err)
		}
		allOlder := len(p.events) > 0 && !at.at.IsZero()
		for _, raw := range p.events {
			if raw.Get("origin_server_ts").Int() >= oldest {
				allOlder = false
			}
			if ev, ok := eventOf(raw, room, intent.SourceSync); ok && slices.Contains(types, ev.Type) {
				evs = append(evs, ev)
			}
		}
		if allOlder || p.last(from) {
			break
		}
		from = p.end
	}
	slices.Reverse(evs)
	return evs, nil
}

// invites makes events of the bot's open invites: those from other servers are
// not pushed by every homeserver. In /sync they have no event ID; the one made
// here is the same for the same answer. The real event may come by push too.
func (s *Service) invites(root gjson.Result) []intent.Event {
	var evs []intent.Event
	next := root.Get("next_batch").String()
	eachRoom(root.Get("rooms.invite"), func(room roomKey, invited gjson.Result) bool {
		invited.Get("invite_state.events").ForEach(func(_, raw gjson.Result) bool {
			isOurs := text(raw.Get("type")) == "m.room.member" && text(raw.Get("state_key")) == string(s.bot) &&
				text(raw.Get("content.membership")) == "invite"
			sender := text(raw.Get("sender"))
			if !isOurs || !identifier(sender) || !identifier(string(room)) {
				return true
			}
			sum := sha256.Sum256([]byte(string(room) + "\n" + sender + "\n" + next))
			key := string(s.bot)
			evs = append(evs, intent.Event{
				ID:   id.EventID("$invite." + base64.RawURLEncoding.EncodeToString(sum[:])),
				Room: room, Type: "m.room.member", Sender: id.UserID(sender), StateKey: &key,
				Source: intent.SourceSync, Raw: withRoom(raw.Raw, room),
			})
			return true
		})
		return true
	})
	return evs
}

func (s *Service) joinedRooms(ctx context.Context) ([]id.RoomID, error) { return s.Rooms(ctx, s.bot) }

// Rooms lists the rooms that one of our users is in.
func (s *Service) Rooms(ctx context.Context, user id.UserID) ([]id.RoomID, error) {
	var answer struct {
		Rooms []id.RoomID `json:"joined_rooms"`
	}
	err := s.call(ctx, request{
		op: "list joined rooms", method: http.MethodGet, as: user, path: path(clientV3, "joined_rooms"),
	}, &answer)
	return answer.Rooms, err
}

// accept stores events and, with the last of them, the position.
func accept(ctx context.Context, inbox Inbox, evs []intent.Event, next position) error {
	for len(evs) > acceptAtOnce {
		if err := inbox.Accept(ctx, evs[:acceptAtOnce], nil); err != nil {
			return fmt.Errorf("store synced events: %w", err)
		}
		evs = evs[acceptAtOnce:]
	}
	token := next.String()
	if err := inbox.Accept(ctx, evs, &token); err != nil {
		return fmt.Errorf("store synced events: %w", err)
	}
	return nil
}
