package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

// serverName is the homeserver's name in this benchmark.
const serverName = "hs.test"

// pupil is who writes in every room.
const pupil = "@pupil:" + serverName

// homeserver answers at once. A room's ID is its alias, so that portals and rooms
// are known to each other.
type homeserver struct {
	matrixtest.Instant

	meter     *meter
	inside    inside
	reactions atomic.Int64           // that were sent
	away      atomic.Bool            // only the proxy in front of it answers: 502
	sick      atomic.Pointer[string] // a room whose sends fail; nil = none
	ailment   ailment                // how they fail
	media     *media                 // nil: there are no files
}

func newHomeserver(a ailment) *homeserver {
	h := &homeserver{meter: newMeter(), ailment: a}
	h.OnSend = func(path string, body []byte) {
		// …/rooms/{room}/send/m.room.message/{txn}
		_, rest, _ := strings.Cut(path, "/rooms/")
		room, _, _ := strings.Cut(rest, "/")
		room, _ = url.PathUnescape(room)
		countReactions(&h.reactions, path)
		h.meter.arrived(room, numberIn(body))
	}
	return h
}

func (h *homeserver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch sick := h.sick.Load(); {
	case h.media != nil && h.media.serve(w, r):
	case h.away.Load():
		http.Error(w, "no backend", http.StatusBadGateway)
	case sick != nil && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/rooms/"+*sick+"/send/"):
		h.ailment.answer(w, r, `{"errcode":"M_UNKNOWN","error":"no"}`)
	case strings.HasSuffix(r.URL.Path, "/client/versions"):
		// As Synapse: after an outage nothing is waited for that it might still hold.
		answer(w, map[string]any{"versions": []string{"v1.2"}, "unstable_features": map[string]bool{"io.element.e2ee_forced.public": false}})
	case strings.HasSuffix(r.URL.Path, "/createRoom"):
		var body struct {
			Alias string `json:"room_alias_name"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		answer(w, map[string]string{"room_id": roomOf(body.Alias)})
	case strings.Contains(r.URL.Path, "/directory/room/"):
		http.Error(w, `{"errcode":"M_NOT_FOUND"}`, http.StatusNotFound)
	case strings.HasSuffix(r.URL.Path, "/sync"): // without news
		if r.URL.Query().Get("timeout") != "" { // otherwise somebody wants to know at once
			timer := time.NewTimer(20 * time.Second)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
				return
			}
		}
		answer(w, map[string]string{"next_batch": "s1"})
	case strings.Contains(r.URL.Path, "/account/whoami"):
		answer(w, map[string]string{"user_id": "@steg:" + serverName})
	case strings.HasSuffix(r.URL.Path, "/members"):
		h.inside.members(w, roomIn(r))
	case strings.HasSuffix(r.URL.Path, "/join"):
		h.inside.join(roomIn(r), r.URL.Query().Get("user_id"))
		answer(w, map[string]string{"room_id": roomIn(r)})
	default:
		h.Instant.ServeHTTP(w, r)
	}
}

// roomIn is the room of a path …/rooms/{room}/….
func roomIn(r *http.Request) string {
	_, rest, _ := strings.Cut(r.URL.Path, "/rooms/")
	room, _, _ := strings.Cut(rest, "/")
	return room
}

func roomOf(alias string) string { return "!" + alias + ":" + serverName }

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// numberIn finds the number of a message in a body: digits after "#n".
func numberIn(body []byte) int {
	_, digits, ok := bytes.Cut(body, []byte("#n"))
	if !ok {
		return -1
	}
	n := 0
	for _, c := range digits {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}
