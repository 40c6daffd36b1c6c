package matrixtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"maunium.net/go/mautrix/id"
)

// part is a filter of events.
type part struct {
	Types    []string    `json:"types"`
	NotTypes []string    `json:"not_types"`
	Senders  []id.UserID `json:"senders"`
	Limit    int         `json:"limit"`
}

func (p part) passes(ev *Event) bool {
	if slices.Contains(p.NotTypes, "*") || slices.Contains(p.NotTypes, ev.Type) {
		return false
	}
	if p.Types != nil && !slices.Contains(p.Types, ev.Type) {
		return false
	}
	return p.Senders == nil || slices.Contains(p.Senders, ev.Sender)
}

// position is how tokens read: the epoch and the last event seen.
func (s *Server) position(stream int64) string {
	return "s" + strconv.FormatInt(s.epoch, 10) + "_" + strconv.FormatInt(stream, 10)
}

func (s *Server) parsePosition(token string) (int64, bool) {
	epoch, stream, ok := strings.Cut(strings.TrimPrefix(token, "s"), "_")
	n, err := strconv.ParseInt(stream, 10, 64)
	return n, ok && err == nil && epoch == strconv.FormatInt(s.epoch, 10)
}

// messages reads backwards: events up to from, newest first, that come after to.
func (s *Server) messages(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, denied := s.joinedRoom(c)
	if denied.code != "" {
		return denied
	}
	query := c.URL.Query()
	from, to := s.stream, int64(0)
	var known bool
	if token := query.Get("from"); token != "" {
		if from, known = s.parsePosition(token); !known {
			return refuse(http.StatusBadRequest, "M_INVALID_PARAM")
		}
	}
	if token := query.Get("to"); token != "" {
		if to, known = s.parsePosition(token); !known {
			return refuse(http.StatusBadRequest, "M_INVALID_PARAM")
		}
	}
	var filter part
	_ = json.Unmarshal([]byte(query.Get("filter")), &filter)
	limit, _ := strconv.Atoi(query.Get("limit"))
	if limit == 0 {
		limit = 10
	}
	chunk := []*Event{}
	body := map[string]any{"start": s.position(from)}
	for _, ev := range slices.Backward(r.events) {
		if ev.stream > from || !filter.passes(ev) {
			continue
		}
		if ev.stream <= to {
			break
		}
		if len(chunk) == limit {
			body["end"] = s.position(ev.stream)
			break
		}
		chunk = append(chunk, ev)
	}
	body["chunk"] = chunk
	return ok(body)
}

type syncFilter struct {
	Room struct {
		Rooms     *[]id.RoomID `json:"rooms"`
		Timeline  part         `json:"timeline"`
		Ephemeral part         `json:"ephemeral"`
	} `json:"room"`
}

func (s *Server) sync(c *call) reply {
	if s.Dialect == Synapse && c.as == s.user(s.SenderLocalpart) {
		return refuse(http.StatusInternalServerError, "M_UNKNOWN")
	}
	var filter syncFilter
	query := c.URL.Query()
	_ = json.Unmarshal([]byte(query.Get("filter")), &filter)
	wait, _ := strconv.Atoi(query.Get("timeout"))
	timeout := time.NewTimer(time.Duration(wait) * time.Millisecond)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		since := int64(0)
		if token := query.Get("since"); token != "" {
			var known bool
			if since, known = s.parsePosition(token); !known {
				s.mu.Unlock()
				if s.Dialect == Dendrite {
					return refuse(http.StatusBadRequest, "M_INVALID_PARAM")
				}
				return refuse(http.StatusBadRequest, "M_UNKNOWN")
			}
		}
		body, news := s.syncBody(c.as, since, filter)
		changed := s.changed
		s.mu.Unlock()
		if news || query.Get("since") == "" {
			return ok(body)
		}
		select {
		case <-changed:
		case <-timeout.C:
			return ok(body)
		case <-c.Context().Done():
			return ok(body)
		case <-s.done:
			return refuse(http.StatusServiceUnavailable, "M_UNKNOWN")
		}
	}
}

// syncBody is what happened after since. Called under the lock.
func (s *Server) syncBody(as id.UserID, since int64, filter syncFilter) (map[string]any, bool) {
	join, invite := map[id.RoomID]any{}, map[id.RoomID]any{}
	for _, r := range s.rooms {
		member := r.state[stateKey{"m.room.member", string(as)}]
		switch r.membership(as) {
		case "invite":
			if member.stream > since {
				stripped := *member
				stripped.ID, stripped.Room, stripped.Time = "", "", 0
				invite[r.id] = map[string]any{"invite_state": map[string]any{"events": []Event{stripped}}}
			}
		case "join":
			if filter.Room.Rooms != nil && !slices.Contains(*filter.Room.Rooms, r.id) {
				continue
			}
			told := map[string]any{}
			if timeline := s.timeline(r, since, filter.Room.Timeline); timeline != nil {
				told["timeline"] = timeline
			}
			if typing := r.typingSince(since, filter.Room.Ephemeral); typing != nil {
				told["ephemeral"] = typing
			}
			if len(told) > 0 {
				join[r.id] = told
			}
		}
	}
	body := map[string]any{
		"next_batch": s.position(s.stream),
		"rooms":      map[string]any{"join": join, "invite": invite},
	}
	return body, len(join)+len(invite) > 0
}

func (s *Server) timeline(r *room, since int64, filter part) map[string]any {
	limit := filter.Limit
	if limit == 0 || limit > 50 {
		limit = 50
	}
	var picked []Event
	limited := false
	for _, ev := range slices.Backward(r.events) {
		if ev.stream <= since {
			break
		}
		if !filter.passes(ev) {
			continue
		}
		if len(picked) == limit {
			limited = true
			break
		}
		bare := *ev
		bare.Room = "" // events of /sync do not name their room
		picked = append(picked, bare)
	}
	if len(picked) == 0 {
		return nil
	}
	slices.Reverse(picked)
	return map[string]any{"events": picked, "limited": limited, "prev_batch": s.position(picked[0].stream - 1)}
}
