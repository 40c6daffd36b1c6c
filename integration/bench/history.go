package main

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
)

// sinceMost is how many changed posts a Mattermost server lists at once.
const sinceMost = 1000

// written is a post of a person: enough to say it again word by word.
type written struct {
	channel int
	n       int // what the text ends with; less than 0 = no number
	at      int64
}

// history is what people have written. The gateway reads what it has missed, as
// after a restart; a server that forgot would look to it as if somebody had
// deleted everything.
type history struct {
	mu        sync.Mutex
	all       []written // a post's number is its place
	byChannel [][]int   // places, oldest first

	listed atomic.Int64 // how often somebody asked for a channel's posts
}

func newHistory(channels int) *history { return &history{byChannel: make([][]int, channels)} }

// add remembers a post and returns its place.
func (h *history) add(w written) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	place := len(h.all)
	h.all = append(h.all, w)
	h.byChannel[w.channel] = append(h.byChannel[w.channel], place)
	return place
}

// find returns the post with an ID.
func (h *history) find(id string) (int, written, bool) {
	place, err := strconv.Atoi(id[min(len(id), len("in")):])
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil || place < 0 || place >= len(h.all) || postID(place) != id {
		return 0, written{}, false
	}
	return place, h.all[place], true
}

// first is the place within a channel of the first post written at ms or later.
func (h *history) first(places []int, ms int64) int {
	return sort.Search(len(places), func(i int) bool { return h.all[places[i]].at >= ms })
}

// posts answers a listing of a channel, newest first, as the server's API does.
func (h *history) posts(w http.ResponseWriter, r *http.Request) {
	h.listed.Add(1)
	query := r.URL.Query()
	size, err := strconv.Atoi(query.Get("per_page"))
	if err != nil {
		size = 60
	}
	_, before, isBefore := h.find(query.Get("before"))
	_, after, isAfter := h.find(query.Get("after"))
	since, sinceErr := strconv.ParseInt(query.Get("since"), 10, 64)

	h.mu.Lock()
	defer h.mu.Unlock()
	places := h.byChannel[channelNumber(r.PathValue("id"))]
	switch {
	case sinceErr == nil:
		places = places[h.first(places, since+1):]
		size = sinceMost
	case isBefore:
		places = places[:h.first(places, before.at)]
	case isAfter: // the oldest of them
		places = places[h.first(places, after.at+1):]
		places = places[:min(size, len(places))]
	}
	places = places[max(0, len(places)-size):]
	var order, posts bytes.Buffer
	for _, place := range slices.Backward(places) {
		if order.Len() > 0 {
			order.WriteByte(',')
			posts.WriteByte(',')
		}
		fmt.Fprintf(&order, "%q", postID(place))
		fmt.Fprintf(&posts, "%q:%s", postID(place), h.all[place].post(place))
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"order":[%s],"posts":{%s}}`, order.Bytes(), posts.Bytes())
}

func postID(place int) string { return fmt.Sprintf("in%024d", place) }

// post is a post as the server tells it.
func (w written) post(place int) []byte {
	text := "A message of **ordinary** length, as people write it"
	if w.n >= 0 {
		text += " #n" + strconv.Itoa(w.n)
	}
	return fmt.Appendf(nil, `{"id":%q,"channel_id":%q,"user_id":%q,"create_at":%d,"update_at":%[4]d,"message":%q,"props":{}}`,
		postID(place), channelID(w.channel), userID, w.at, text)
}
