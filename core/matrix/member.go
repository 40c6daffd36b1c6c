package matrix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

// membership is a key of the set of known joins.
type membership struct {
	room id.RoomID
	user id.UserID
}

// EnsureJoined brings a user of ours into a room, unless that is known to be so:
// it registers them, lets them join, and where that is refused lets the bot
// invite them first. [bridge.ErrForbidden] says what the bot lacks.
func (s *Service) EnsureJoined(ctx context.Context, room id.RoomID, user id.UserID) error {
	key := membership{room, user}
	if s.joined.has(key) {
		return nil
	}
	if err := s.EnsureGhost(ctx, user); err != nil {
		return err
	}
	err := s.join(ctx, room, user)
	if refusedJoin(err) && user != s.bot {
		if invited := s.Invite(ctx, room, user); invited != nil && !errors.Is(invited, bridge.ErrForbidden) {
			return invited
		}
		// An invite is also refused when there is one already, so try in any case.
		err = s.join(ctx, room, user)
		if errors.Is(err, bridge.ErrForbidden) {
			err = fmt.Errorf("%w: the bot must be in the room with the right to invite, and the user must not be banned", err)
		}
	}
	if err != nil {
		return err
	}
	s.joined.put(key, struct{}{})
	return nil
}

// Forget drops what is remembered about a membership, so that EnsureJoined asks
// the homeserver again: after the user left, was removed, or was refused.
func (s *Service) Forget(room id.RoomID, user id.UserID) {
	s.joined.remove(membership{room, user})
}

// Join lets the bot join a room by its ID or an alias, and returns the ID.
func (s *Service) Join(ctx context.Context, roomOrAlias string) (id.RoomID, error) {
	if err := s.EnsureGhost(ctx, s.bot); err != nil {
		return "", err
	}
	var answer struct {
		Room id.RoomID `json:"room_id"`
	}
	err := s.call(ctx, request{
		op: "join room", method: http.MethodPost, as: s.bot, body: struct{}{},
		path: path(clientV3, "join", roomOrAlias),
	}, &answer)
	return answer.Room, err
}

// Leave lets the bot or a ghost leave a room, or refuse an invite. Not being
// there is success.
func (s *Service) Leave(ctx context.Context, room id.RoomID, as id.UserID) error {
	s.Forget(room, as)
	err := s.call(ctx, request{
		op: "leave room", method: http.MethodPost, as: as, body: struct{}{},
		path: path(clientV3, "rooms", string(room), "leave"),
	}, nil)
	if errors.Is(err, bridge.ErrForbidden) || errors.Is(err, bridge.ErrNotFound) ||
		hasStatus(err, http.StatusBadRequest, "M_UNKNOWN") { // Dendrite, for who is not there
		return nil
	}
	return err
}

// Invite lets the bot invite a user. [bridge.ErrForbidden] when the bot may not,
// or the user is there already.
func (s *Service) Invite(ctx context.Context, room id.RoomID, user id.UserID) error {
	return s.call(ctx, request{
		op: "invite user", method: http.MethodPost, as: s.bot,
		path: path(clientV3, "rooms", string(room), "invite"),
		body: map[string]any{"user_id": user},
	}, nil)
}

// Kick lets the bot remove a user, or take back an invite.
func (s *Service) Kick(ctx context.Context, room id.RoomID, user id.UserID, reason string) error {
	s.Forget(room, user)
	body := map[string]any{"user_id": user}
	if reason != "" {
		body["reason"] = reason
	}
	return s.call(ctx, request{
		op: "remove user", method: http.MethodPost, as: s.bot, body: body,
		path: path(clientV3, "rooms", string(room), "kick"),
	}, nil)
}

// Members lists the joined and invited users of a room that the bot is in. On
// Dendrite the list may lag a moment behind a change.
func (s *Service) Members(ctx context.Context, room id.RoomID) ([]intent.Member, error) {
	all, err := s.Memberships(ctx, room)
	return slices.DeleteFunc(all, func(m intent.Member) bool { return m.Membership != "join" && m.Membership != "invite" }), err
}

// Memberships lists everybody who is in a room that the bot is in, is invited, has
// left, or was banned.
func (s *Service) Memberships(ctx context.Context, room id.RoomID) ([]intent.Member, error) {
	answer, err := s.do(ctx, request{
		op: "list members", method: http.MethodGet, as: s.bot,
		path: path(clientV3, "rooms", string(room), "members"),
	})
	if err != nil {
		return nil, err
	}
	var members []intent.Member
	gjson.GetBytes(answer, "chunk").ForEach(func(_, ev gjson.Result) bool {
		content := ev.Get("content")
		members = append(members, intent.Member{
			User: id.UserID(ev.Get("state_key").String()), Membership: content.Get("membership").String(),
			By:   id.UserID(ev.Get("sender").String()),
			Name: text(content.Get("displayname")), Avatar: text(content.Get("avatar_url")),
		})
		return true
	})
	return members, nil
}

func (s *Service) join(ctx context.Context, room id.RoomID, user id.UserID) error {
	return s.call(ctx, request{
		op: "join room", method: http.MethodPost, as: user, body: struct{}{},
		path: path(clientV3, "rooms", string(room), "join"),
	}, nil)
}

// refusedJoin tells whether an invite may help. Dendrite answers 500 when a
// restricted room does not let the user in.
func refusedJoin(err error) bool {
	return errors.Is(err, bridge.ErrForbidden) || hasStatus(err, http.StatusInternalServerError, "")
}

// text is a JSON string's value, "" for anything else.
func text(r gjson.Result) string {
	if r.Type != gjson.String {
		return ""
	}
	return r.Str
}
