package mattermost

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	// The server's own client and types: the only source of the API's shapes.
	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	pageSize    = 200  // the server's cap of one page
	sinceLimit  = 1000 // a since answer with so many rows has been cut
	maxIDs      = 1000 // of one posts/ids request
	maxResponse = 64 << 20
)

// api is the narrow part of the REST API v4 that this bridge uses. Every method
// is one request; errors are *callError.
type api struct {
	client *model.Client4
	files  *http.Client  // for transfers of any length
	stall  time.Duration // ends a transfer in which nothing moves
	now    func() time.Time
	skew   atomic.Int64 // how far the server's clock is ahead, in milliseconds
}

func newAPI(n *network, token string) *api {
	client := model.NewAPIv4Client(n.cfg.URL)
	client.HTTPClient = n.http
	client.SetToken(token)
	return &api{client: client, files: n.files, stall: n.cfg.Timeout, now: n.deps.Now}
}

// serverTime is what the server's clock shows, within a second or two.
func (a *api) serverTime() int64 { return millis(a.now()) + a.skew.Load() }

// call makes one request and decodes the answer into out (nil: not wanted).
func (a *api) call(ctx context.Context, op, method, path string, in, out any) error {
	var resp *http.Response
	var err error
	switch method {
	case http.MethodGet:
		resp, err = a.client.DoAPIGet(ctx, path, "")
	case http.MethodPost:
		resp, err = a.client.DoAPIPostJSON(ctx, path, in)
	case http.MethodPut:
		resp, err = a.client.DoAPIPutJSON(ctx, path, in)
	case http.MethodDelete:
		resp, err = a.client.DoAPIDelete(ctx, path)
	default:
		return fmt.Errorf("%s: method %s is not used", op, method)
	}
	if err != nil {
		return newCallError(op, resp, err)
	}
	a.readClock(resp)
	defer func() {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxResponse)) // keeps the connection usable
		_ = resp.Body.Close()
	}()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxResponse)).Decode(out); err != nil {
		// The server has acted, but what it said is lost: as unclear as no answer.
		return newCallError(op, nil, err)
	}
	return nil
}

func (a *api) readClock(resp *http.Response) {
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err == nil {
		a.skew.Store(at.Sub(a.now()).Milliseconds())
	}
}

func get[T any](ctx context.Context, a *api, op, path string) (T, error) {
	var out T
	err := a.call(ctx, op, http.MethodGet, path, nil, &out)
	return out, err
}

func post[T any](ctx context.Context, a *api, op, path string, in any) (T, error) {
	var out T
	err := a.call(ctx, op, http.MethodPost, path, in, &out)
	return out, err
}

// healthy asks whether the server and its database work. While the database is
// away the server answers 401 and 403 to good tokens.
func (a *api) healthy(ctx context.Context) error {
	return a.call(ctx, "ask for the server's health", http.MethodGet, "/system/ping?get_server_status=true", nil, nil)
}

func (a *api) me(ctx context.Context) (*model.User, error) {
	return get[*model.User](ctx, a, "read own account", "/users/me")
}

func (a *api) clientConfig(ctx context.Context) (map[string]string, error) {
	return get[map[string]string](ctx, a, "read the server's switches", "/config/client?format=old")
}

func (a *api) myTeams(ctx context.Context) ([]*model.Team, error) {
	return get[[]*model.Team](ctx, a, "list own teams", "/users/me/teams")
}

func (a *api) myChannels(ctx context.Context) ([]*model.Channel, error) {
	return get[[]*model.Channel](ctx, a, "list own channels", "/users/me/channels")
}

func (a *api) createPost(ctx context.Context, p *model.Post) (*model.Post, error) {
	return post[*model.Post](ctx, a, "create post", "/posts", p)
}

func (a *api) post(ctx context.Context, id string) (*model.Post, error) {
	return get[*model.Post](ctx, a, "read post", "/posts/"+id)
}

func (a *api) patchPost(ctx context.Context, id string, patch *model.PostPatch) (*model.Post, error) {
	var out *model.Post
	err := a.call(ctx, "edit post", http.MethodPut, "/posts/"+id+"/patch", patch, &out)
	return out, err
}

// typing shows the login as writing in a channel.
func (a *api) typing(ctx context.Context, user, channel string) error {
	return a.call(ctx, "show typing", http.MethodPost, "/users/"+user+"/typing", model.TypingRequest{ChannelId: channel}, nil)
}

func (a *api) deletePost(ctx context.Context, id string) error {
	return a.call(ctx, "delete post", http.MethodDelete, "/posts/"+id, nil, nil)
}

// postsByIDs reads at most maxIDs posts; deleted ones are left out.
func (a *api) postsByIDs(ctx context.Context, ids []string) ([]*model.Post, error) {
	return post[[]*model.Post](ctx, a, "read posts", "/posts/ids", ids)
}

// postsSince lists what has changed after ms, history rows and deletions too,
// in no order that could be relied on.
func (a *api) postsSince(ctx context.Context, channel string, ms int64) ([]*model.Post, error) {
	return a.posts(ctx, channel, "since="+strconv.FormatInt(max(ms, 1), 10))
}

// newestPosts lists the newest page, newest first.
func (a *api) newestPosts(ctx context.Context, channel string, limit int) ([]*model.Post, error) {
	return a.posts(ctx, channel, "page=0&per_page="+strconv.Itoa(limit))
}

// postsBefore lists the page of posts created strictly before post id, newest
// first.
func (a *api) postsBefore(ctx context.Context, channel, id string) ([]*model.Post, error) {
	return a.posts(ctx, channel, "page=0&per_page="+strconv.Itoa(pageSize)+"&before="+id)
}

// postsAfter lists the page of posts created strictly after post id: the oldest
// of them, newest first.
func (a *api) postsAfter(ctx context.Context, channel, id string) ([]*model.Post, error) {
	return a.posts(ctx, channel, "page=0&per_page="+strconv.Itoa(pageSize)+"&after="+id)
}

func (a *api) posts(ctx context.Context, channel, query string) ([]*model.Post, error) {
	list, err := get[*model.PostList](ctx, a, "read channel", "/channels/"+channel+"/posts?skipFetchThreads=true&"+query)
	if err != nil {
		return nil, err
	}
	rows := make([]*model.Post, 0, len(list.Order))
	for _, id := range list.Order { // posts has more: roots that were not asked for
		if p := list.Posts[id]; p != nil {
			rows = append(rows, p)
		}
	}
	return rows, nil
}

func (a *api) channel(ctx context.Context, id string) (*model.Channel, error) {
	return get[*model.Channel](ctx, a, "read channel's data", "/channels/"+id)
}

// joined asks whether the login is a member of the channel.
func (a *api) joined(ctx context.Context, channel string) error {
	return a.call(ctx, "read own membership", http.MethodGet, "/channels/"+channel+"/members/me", nil, nil)
}

func (a *api) join(ctx context.Context, channel, user string) error {
	return a.call(ctx, "join channel", http.MethodPost, "/channels/"+channel+"/members", map[string]string{"user_id": user}, nil)
}

func (a *api) inTeam(ctx context.Context, team, user string) error {
	return a.call(ctx, "read own team membership", http.MethodGet, "/teams/"+team+"/members/"+user, nil, nil)
}

func (a *api) team(ctx context.Context, id string) (*model.Team, error) {
	return get[*model.Team](ctx, a, "read team", "/teams/"+id)
}

func (a *api) teamByName(ctx context.Context, name string) (*model.Team, error) {
	return get[*model.Team](ctx, a, "find team", "/teams/name/"+url.PathEscape(name))
}

func (a *api) channelByName(ctx context.Context, team, name string) (*model.Channel, error) {
	return get[*model.Channel](ctx, a, "find channel", "/teams/"+team+"/channels/name/"+url.PathEscape(name)+"?include_deleted=true")
}

// publicChannels lists one page of a team's open channels.
func (a *api) publicChannels(ctx context.Context, team string, page int) ([]*model.Channel, error) {
	return get[[]*model.Channel](ctx, a, "list channels", "/teams/"+team+"/channels?per_page="+strconv.Itoa(pageSize)+"&page="+strconv.Itoa(page))
}

func (a *api) user(ctx context.Context, id string) (*model.User, error) {
	return get[*model.User](ctx, a, "read person", "/users/"+id)
}

func (a *api) usersByIDs(ctx context.Context, ids []string) ([]*model.User, error) {
	return post[[]*model.User](ctx, a, "read people", "/users/ids", ids)
}

func (a *api) usersByNames(ctx context.Context, names []string) ([]*model.User, error) {
	return post[[]*model.User](ctx, a, "find people", "/users/usernames", names)
}

// avatar streams a person's picture; the caller closes it.
func (a *api) avatar(ctx context.Context, user bridge.UserID) (io.ReadCloser, string, error) {
	resp, err := a.client.DoAPIGet(ctx, "/users/"+string(user)+"/image", "")
	if err != nil {
		return nil, "", newCallError("read picture", resp, err)
	}
	return resp.Body, resp.Header.Get("Content-Type"), nil
}
