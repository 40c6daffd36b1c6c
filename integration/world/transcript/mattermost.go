package transcript

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/steg-bridge/steg/integration/harness"
)

// Post is a post with what tells deleted ones from old versions of edited ones.
type Post struct {
	harness.MattermostPost

	OriginalID string `json:"original_id"` // set on the old version of an edited post
}

// Mattermost reads a channel, deleted posts included, which takes the server's
// administrator.
func Mattermost(ctx context.Context, admin *harness.MattermostPerson, channelID string) ([]Line, error) {
	posts, err := readPosts(ctx, admin, channelID)
	if err != nil {
		return nil, err
	}
	names, err := readNames(ctx, admin, posts)
	if err != nil {
		return nil, err
	}
	return OfMattermost(posts, names), nil
}

// readPosts returns all posts of a channel, in the order in which the apps show
// them.
func readPosts(ctx context.Context, admin *harness.MattermostPerson, channelID string) ([]Post, error) {
	const pageSize = 200
	var posts []Post
	seen := make(map[string]bool)
	for before := ""; ; {
		var page struct {
			Order []string
			Posts map[string]Post
		}
		path := "/channels/" + channelID + "/posts?include_deleted=true&per_page=" + strconv.Itoa(pageSize) + before
		if err := admin.Call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return nil, fmt.Errorf("read channel: %w", err)
		}
		for _, id := range page.Order {
			if post := page.Posts[id]; !seen[id] && post.Type == "" && post.OriginalID == "" {
				posts = append(posts, post)
			}
			seen[id] = true
		}
		if len(page.Order) < pageSize {
			break
		}
		before = "&before=" + page.Order[len(page.Order)-1]
	}
	slices.Reverse(posts)
	slices.SortStableFunc(posts, func(a, b Post) int { return cmp.Compare(a.CreateAt, b.CreateAt) })
	return posts, nil
}

// readNames returns how the apps show the authors.
func readNames(ctx context.Context, admin *harness.MattermostPerson, posts []Post) (map[string]string, error) {
	names := make(map[string]string)
	for _, post := range posts {
		if _, known := names[post.UserID]; known {
			continue
		}
		var user struct {
			Username  string
			FirstName string `json:"first_name"`
			LastName  string `json:"last_name"`
		}
		if err := admin.Call(ctx, http.MethodGet, "/users/"+post.UserID, nil, &user); err != nil {
			return nil, fmt.Errorf("read author: %w", err)
		}
		names[post.UserID] = plain(user.FirstName + " " + user.LastName)
		if names[post.UserID] == "" {
			names[post.UserID] = user.Username
		}
	}
	return names, nil
}

// OfMattermost makes lines of the posts of a channel. The name that an
// integration puts on its post counts, as it does in the apps.
func OfMattermost(posts []Post, names map[string]string) []Line {
	var lines []Line
	place := make(map[string]int)
	for i := range posts {
		post := &posts[i]
		line := Line{Author: names[post.UserID], Root: noRoot, Deleted: post.DeleteAt > 0}
		if name, ok := post.Props["override_username"].(string); ok && post.Props["from_webhook"] == "true" {
			line.Author = name
		}
		if !line.Deleted {
			line.Text, line.Edited = post.Message, post.EditAt > 0
		}
		if at, known := place[post.RootID]; known {
			line.Root = at
		}
		place[post.ID] = len(lines)
		lines = append(lines, line)
	}
	return lines
}
