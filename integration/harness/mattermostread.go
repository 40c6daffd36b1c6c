package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// MattermostPost is a post as the REST API shows it. Times are milliseconds
// since 1970; zero means never.
type MattermostPost struct {
	ID        string         `json:"id,omitempty"`
	ChannelID string         `json:"channel_id"`
	UserID    string         `json:"user_id,omitempty"`
	RootID    string         `json:"root_id,omitempty"`
	Message   string         `json:"message"`
	Type      string         `json:"type,omitempty"` // empty for what people write
	Props     map[string]any `json:"props,omitempty"`
	FileIDs   []string       `json:"file_ids,omitempty"`
	PendingID string         `json:"pending_post_id,omitempty"`
	CreateAt  int64          `json:"create_at,omitempty"`
	UpdateAt  int64          `json:"update_at,omitempty"`
	EditAt    int64          `json:"edit_at,omitempty"`
	DeleteAt  int64          `json:"delete_at,omitempty"`
}

// ReadAll returns every post of a channel the person may see, oldest first,
// without the server's own notes ("joined the channel"). An edited post shows
// its latest text; a deleted one is gone, as it is for people. A /me has a type, and is
// written by people.
func (p *MattermostPerson) ReadAll(ctx context.Context, channelID string) ([]MattermostPost, error) {
	all, err := p.ReadEverything(ctx, channelID, false)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(post MattermostPost) bool { return post.Type != "" && post.Type != "me" }), nil
}

// ReadEverything returns every post of a channel, the server's notes included,
// and deleted ones too if asked, which only an administrator may.
//
// The order is that of create_at, by which every app sorts; for equal
// milliseconds that of the server's pages.
func (p *MattermostPerson) ReadEverything(ctx context.Context, channelID string, deleted bool) ([]MattermostPost, error) {
	const pageSize = 200 // the server's maximum
	path := "/channels/" + channelID + "/posts?per_page=" + strconv.Itoa(pageSize)
	if deleted {
		path += "&include_deleted=true"
	}
	var posts []MattermostPost
	seen := make(map[string]bool)
	// Pages are addressed by the oldest post known, not by number: new posts
	// would move the numbers.
	for before := ""; ; {
		var page struct {
			Order []string
			Posts map[string]MattermostPost
		}
		if err := p.call(ctx, http.MethodGet, path+before, nil, &page); err != nil {
			return nil, fmt.Errorf("read channel: %w", err)
		}
		for _, id := range page.Order {
			if !seen[id] {
				seen[id] = true
				posts = append(posts, page.Posts[id])
			}
		}
		if len(page.Order) < pageSize {
			break
		}
		before = "&before=" + page.Order[len(page.Order)-1]
	}
	slices.Reverse(posts)
	slices.SortStableFunc(posts, func(a, b MattermostPost) int { return int(a.CreateAt - b.CreateAt) })
	return posts, nil
}

// WaitFor returns the first post of the channel that match accepts, waiting for
// it until ctx ends. Posts of the past count.
func (p *MattermostPerson) WaitFor(ctx context.Context, channelID string, match func(MattermostPost) bool) (MattermostPost, error) {
	var found MattermostPost
	_, err := p.WaitForAll(ctx, channelID, func(posts []MattermostPost) bool {
		at := slices.IndexFunc(posts, match)
		if at >= 0 {
			found = posts[at]
		}
		return at >= 0
	})
	return found, err
}

// WaitForAll reads the channel again and again until done accepts its posts or
// ctx ends; then the error says how many posts were there.
func (p *MattermostPerson) WaitForAll(ctx context.Context, channelID string, done func([]MattermostPost) bool) ([]MattermostPost, error) {
	var last []MattermostPost
	for {
		posts, err := p.ReadAll(ctx, channelID)
		if err != nil {
			return last, waitError(err, len(last))
		}
		if last = posts; done(last) {
			return last, nil
		}
		// Longer channels cost the server more to read.
		if err := pause(ctx, min(50*time.Millisecond+time.Duration(len(last))*time.Millisecond/10, time.Second)); err != nil {
			return last, waitError(err, len(last))
		}
	}
}

// uploadedID reads the answer to an upload of one file.
func uploadedID(raw []byte) (string, error) {
	var answer struct {
		Files []struct{ ID string } `json:"file_infos"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return "", fmt.Errorf("upload: decode answer: %w", err)
	}
	if len(answer.Files) != 1 {
		return "", errors.New("upload: answer without file")
	}
	return answer.Files[0].ID, nil
}
