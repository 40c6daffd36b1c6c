package mattermost

import (
	"context"
	"io"
	"mime"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

var _ bridge.AvatarOpener = (*client)(nil)

// cachedPeople bounds how many people and names are remembered.
const cachedPeople = 10_000

// namesTime bounds how long events wait for names.
const namesTime = 5 * time.Second

// namesPerAsk bounds one look-up; the server's own cap is higher.
const namesPerAsk = 200

// people remembers who is who, so that markup can be converted without waiting.
type people struct {
	byID   *lru[string, *model.User]
	byName *lru[string, *model.User] // nil: nobody has this name
}

func newPeople() *people {
	return &people{byID: newLRU[string, *model.User](cachedPeople), byName: newLRU[string, *model.User](cachedPeople)}
}

func (p *people) put(u *model.User) {
	if old, ok := p.byID.get(u.Id); ok && old.Username != u.Username {
		p.byName.drop(old.Username)
	}
	p.byID.put(u.Id, u)
	p.byName.put(u.Username, u)
}

func (p *people) forget() {
	p.byID.clear()
	p.byName.clear()
}

// username tells the account name of a person that is remembered.
func (p *people) username(user bridge.UserID) (string, bool) {
	u, ok := p.byID.get(string(user))
	if !ok || u == nil {
		return "", false
	}
	return u.Username, true
}

// named tells who has an account name, among those that are remembered.
func (p *people) named(username string) (bridge.UserID, string, bool) {
	u, ok := p.byName.get(strings.ToLower(username))
	if !ok || u == nil {
		return "", "", false
	}
	return bridge.UserID(u.Id), displayName(u), true
}

// atName finds what may be an account name. The server ignores punctuation at a
// name's end unless it belongs to the name, so all shorter forms are asked for.
var atName = regexp.MustCompile(`(?i)@([a-z0-9][a-z0-9._-]{0,63})`)

func namesIn(texts ...string) []string {
	found := map[string]bool{}
	for _, text := range texts {
		for _, m := range atName.FindAllStringSubmatch(text, -1) {
			name := strings.ToLower(m[1])
			for name != "" {
				found[name] = true
				shorter := strings.TrimRight(name, "._-")
				if shorter == name {
					break
				}
				name = name[:len(name)-1]
			}
		}
	}
	for _, special := range []string{"all", "channel", "here"} {
		delete(found, special)
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// learnNames makes the account names inside the texts known. A name that cannot
// be looked up stays plain text.
func (c *client) learnNames(ctx context.Context, texts ...string) {
	names := slices.DeleteFunc(namesIn(texts...), func(name string) bool {
		_, known := c.people.byName.get(name)
		return known
	})
	ctx, cancel := context.WithTimeout(ctx, namesTime)
	defer cancel()
	for batch := range slices.Chunk(names, namesPerAsk) {
		users, err := c.api.usersByNames(ctx, batch)
		if err != nil {
			return
		}
		for _, u := range users {
			c.people.put(u)
		}
		for _, name := range batch {
			if _, known := c.people.byName.get(name); !known {
				c.people.byName.put(name, nil)
			}
		}
	}
}

// learnPeople makes the account names of people known.
func (c *client) learnPeople(ctx context.Context, users map[bridge.UserID]bool) {
	var ids []string
	for user := range users {
		if _, known := c.people.byID.get(string(user)); !known && validID(string(user)) {
			ids = append(ids, string(user))
		}
	}
	slices.Sort(ids)
	ctx, cancel := context.WithTimeout(ctx, namesTime)
	defer cancel()
	for batch := range slices.Chunk(ids, namesPerAsk) {
		found, err := c.api.usersByIDs(ctx, batch)
		if err != nil {
			return
		}
		for _, u := range found {
			c.people.put(u)
		}
	}
}

// User reads a person.
func (c *client) User(ctx context.Context, id bridge.UserID) (*bridge.UserInfo, error) {
	if !validID(string(id)) {
		return nil, bridge.ErrNotFound
	}
	u, err := c.api.user(ctx, string(id))
	if err != nil {
		return nil, c.explain(ctx, err, "")
	}
	c.people.put(u)
	info := userInfo(u)
	return &info, nil
}

// OpenAvatar streams a person's picture.
func (c *client) OpenAvatar(ctx context.Context, id bridge.UserID) (body io.ReadCloser, mimeType string, err error) {
	if !validID(string(id)) {
		return nil, "", bridge.ErrNotFound
	}
	body, mimeType, err = c.api.avatar(ctx, id)
	if err != nil {
		return nil, "", c.explain(ctx, err, "")
	}
	if parsed, _, err := mime.ParseMediaType(mimeType); err == nil {
		mimeType = parsed
	}
	return body, mimeType, nil
}

func userInfo(u *model.User) bridge.UserInfo {
	info := bridge.UserInfo{ID: bridge.UserID(u.Id), Name: displayName(u), Bot: u.IsBot, Gone: u.DeleteAt > 0}
	// A picture of zero date is the one that the server draws from the name.
	if u.LastPictureUpdate > 0 {
		info.AvatarKey = strconv.FormatInt(u.LastPictureUpdate, 10)
	}
	return info
}

// displayName is how people see a person: the nickname, else the full name, else
// the account name.
func displayName(u *model.User) string {
	return u.GetDisplayName(model.ShowNicknameFullName)
}
