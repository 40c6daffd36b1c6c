package mattermost

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

// validID tells whether s has the form of the server's IDs. What has not is never
// sent to the server: it answers such IDs with 403.
func validID(s string) bool {
	if len(s) != 26 {
		return false
	}
	for _, r := range []byte(s) {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// The keys of events. The same fact has the same key, live and in a sweep.
func postKey(id string) bridge.Key { return bridge.Key("post:" + id) }

func editKey(p *model.Post) bridge.Key {
	return bridge.Key("edit:" + p.Id + ":" + strconv.FormatInt(p.EditAt, 10))
}

func memberKey(post string) bridge.Key { return bridge.Key("members:" + post) }

func removalKey(id string) bridge.Key { return bridge.Key("del:" + id) }

func channelKey(c *model.Channel, team *model.Team) bridge.Key {
	return bridge.Key("chat:" + c.Id + ":" + strconv.FormatInt(lastChange(c, team), 10))
}

func goneKey(chat bridge.ChatID, when int64) bridge.Key {
	return bridge.Key("gone:" + string(chat) + ":" + strconv.FormatInt(when, 10))
}

func userKey(u *model.User) bridge.Key {
	return bridge.Key("user:" + u.Id + ":" + strconv.FormatInt(u.UpdateAt, 10))
}

// pendingID is the pending_post_id of a send. The server's memory of those is
// one for all channels and people, so the channel is part of it: a hub room may
// send one event to several channels.
func pendingID(chat bridge.ChatID, key bridge.Key) string {
	return string(chat) + ":" + string(key)
}

// textSum tells one text from another; it is kept in a post's props.
func textSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}

// postSum tells one state of a post from another: what it says, and its files.
func postSum(p *model.Post) string {
	return textSum(source(p) + "\x00" + strings.Join(p.FileIds, " "))
}

// millis is a server time as the API writes it.
func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// cursor is the position in one channel, in the server's milliseconds.
type cursor struct {
	// from is when the channel was linked: posts that are not newer stay outside.
	from int64
	// at says that every change up to here has been delivered, but for what
	// the server committed late (see defaultOverlap).
	at int64
	// id is a post that has changed at this time or later: the canary, which every
	// honest answer must contain. Empty when the channel had no post.
	id string
	// walk is later than at while a long gap is being read post by post: new posts
	// up to here have been delivered, edits and deletions have not.
	walk int64
}

const cursorVersion = "1"

var errCursor = errors.New("stored cursor is not readable")

func (c cursor) encode() bridge.Cursor {
	return bridge.Cursor(fmt.Sprintf("%s:%d:%d:%d:%s", cursorVersion, c.from, c.at, c.walk, c.id))
}

func parseCursor(s bridge.Cursor) (cursor, error) {
	parts := strings.Split(string(s), ":")
	if len(parts) != 5 || parts[0] != cursorVersion {
		return cursor{}, errCursor
	}
	var c cursor
	for i, into := range []*int64{&c.from, &c.at, &c.walk} {
		n, err := strconv.ParseInt(parts[i+1], 10, 64)
		if err != nil || n < 0 {
			return cursor{}, errCursor
		}
		*into = n
	}
	if parts[4] != "" && !validID(parts[4]) {
		return cursor{}, errCursor
	}
	c.id = parts[4]
	return c, nil
}

// seen is the latest creation time of a post that may have been delivered.
// Whatever was created later has never been.
func (c cursor) seen() int64 { return max(c.at, c.walk) }

// moved returns c after a change of post id at the time ms was delivered.
func (c cursor) moved(id string, ms int64) cursor {
	if ms > c.at || c.id == "" {
		c.at, c.id = max(ms, c.at), id
	}
	return c
}
