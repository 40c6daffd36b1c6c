package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
)

// MattermostPerson is an account of a Mattermost server with an access token:
// somebody with an app, a bot, or the administrator. Every method is one or a
// few calls of the REST API, https://developers.mattermost.com/api-documentation/.
// Requests are not repeated.
type MattermostPerson struct {
	ID    string
	Name  string
	Token string

	base   string
	client *http.Client
}

// mattermostLogin opens a session with a password.
func mattermostLogin(ctx context.Context, base string, client *http.Client, name, password string) (*MattermostPerson, error) {
	var user struct{ ID, Username string }
	request := map[string]string{"login_id": name, "password": password}
	header, err := callHeader(ctx, client, http.MethodPost, base+"/api/v4/users/login", "", request, &user)
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	token := header.Get("Token")
	if token == "" {
		return nil, errors.New("log in: answer without token")
	}
	return &MattermostPerson{ID: user.ID, Name: user.Username, Token: token, base: base, client: client}, nil
}

// mattermostWithToken asks whose token it is.
func mattermostWithToken(ctx context.Context, base string, client *http.Client, token string) (*MattermostPerson, error) {
	p := &MattermostPerson{Token: token, base: base, client: client}
	var user struct{ ID, Username string }
	if err := p.call(ctx, http.MethodGet, "/users/me", nil, &user); err != nil {
		return nil, err
	}
	p.ID, p.Name = user.ID, user.Username
	return p, nil
}

// Post writes into a channel.
func (p *MattermostPerson) Post(ctx context.Context, channelID, text string) (string, error) {
	return p.CreatePost(ctx, &MattermostPost{ChannelID: channelID, Message: text})
}

// Reply writes into the thread of a post. The root may be a reply itself; then
// its thread is meant, as in the apps.
func (p *MattermostPerson) Reply(ctx context.Context, root, text string) (string, error) {
	var post MattermostPost
	if err := p.call(ctx, http.MethodGet, "/posts/"+root, nil, &post); err != nil {
		return "", fmt.Errorf("reply: %w", err)
	}
	if post.RootID != "" {
		root = post.RootID
	}
	return p.CreatePost(ctx, &MattermostPost{ChannelID: post.ChannelID, RootID: root, Message: text})
}

// CreatePost creates a post with any fields a client may set and returns its ID.
func (p *MattermostPerson) CreatePost(ctx context.Context, post *MattermostPost) (string, error) {
	var made struct{ ID string }
	if err := p.call(ctx, http.MethodPost, "/posts", post, &made); err != nil {
		return "", fmt.Errorf("post: %w", err)
	}
	return made.ID, nil
}

// Edit replaces the text of a post of one's own.
func (p *MattermostPerson) Edit(ctx context.Context, postID, text string) error {
	if err := p.call(ctx, http.MethodPut, "/posts/"+postID+"/patch", map[string]string{"message": text}, nil); err != nil {
		return fmt.Errorf("edit: %w", err)
	}
	return nil
}

// Delete removes a post.
func (p *MattermostPerson) Delete(ctx context.Context, postID string) error {
	if err := p.call(ctx, http.MethodDelete, "/posts/"+postID, nil, nil); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

// React adds a reaction. The emoji is named as in Mattermost, without colons.
func (p *MattermostPerson) React(ctx context.Context, postID, emoji string) error {
	reaction := map[string]string{"user_id": p.ID, "post_id": postID, "emoji_name": emoji}
	if err := p.call(ctx, http.MethodPost, "/reactions", reaction, nil); err != nil {
		return fmt.Errorf("react: %w", err)
	}
	return nil
}

// Unreact takes a reaction of one's own back.
func (p *MattermostPerson) Unreact(ctx context.Context, postID, emoji string) error {
	path := "/users/" + p.ID + "/posts/" + postID + "/reactions/" + url.PathEscape(emoji)
	if err := p.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
		return fmt.Errorf("take reaction back: %w", err)
	}
	return nil
}

// Reactions returns who reacted to a post, by emoji name.
func (p *MattermostPerson) Reactions(ctx context.Context, postID string) (map[string][]string, error) {
	var list []struct {
		UserID string `json:"user_id"`
		Emoji  string `json:"emoji_name"`
	}
	if err := p.call(ctx, http.MethodGet, "/posts/"+postID+"/reactions", nil, &list); err != nil {
		return nil, fmt.Errorf("reactions: %w", err)
	}
	byEmoji := make(map[string][]string)
	for _, reaction := range list {
		byEmoji[reaction.Emoji] = append(byEmoji[reaction.Emoji], reaction.UserID)
	}
	return byEmoji, nil
}

// DirectChannel returns the ID of the direct channel with somebody.
func (p *MattermostPerson) DirectChannel(ctx context.Context, userID string) (string, error) {
	var channel struct{ ID string }
	if err := p.call(ctx, http.MethodPost, "/channels/direct", []string{p.ID, userID}, &channel); err != nil {
		return "", fmt.Errorf("direct channel: %w", err)
	}
	return channel.ID, nil
}

// SendFile uploads data and posts it with a text, which may be empty.
func (p *MattermostPerson) SendFile(ctx context.Context, channelID, text, name string, data []byte) (string, error) {
	id, err := p.Upload(ctx, channelID, name, data)
	if err != nil {
		return "", err
	}
	return p.CreatePost(ctx, &MattermostPost{ChannelID: channelID, Message: text, FileIDs: []string{id}})
}

// Upload stores a file for a post in the channel and returns its ID.
func (p *MattermostPerson) Upload(ctx context.Context, channelID, name string, data []byte) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	part, err := writer.CreateFormFile("files", name)
	if err != nil {
		return "", fmt.Errorf("upload: %w", err)
	}
	if _, err := part.Write(data); err != nil {
		return "", fmt.Errorf("upload: %w", err)
	}
	if err := writer.Close(); err != nil {
		return "", fmt.Errorf("upload: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/api/v4/files?channel_id="+url.QueryEscape(channelID), &form)
	if err != nil {
		return "", fmt.Errorf("upload: %w", err)
	}
	request.Header.Set("Content-Type", writer.FormDataContentType())
	raw, _, err := send(p.client, request, p.Token)
	if err != nil {
		return "", fmt.Errorf("upload: %w", err)
	}
	return uploadedID(raw)
}

// File downloads a file by its ID.
func (p *MattermostPerson) File(ctx context.Context, fileID string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/api/v4/files/"+fileID, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	raw, _, err := send(p.client, request, p.Token)
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	return raw, nil
}

// Call performs a request of the REST API that has no method here; path starts
// after /api/v4. in and out are JSON and may be nil.
func (p *MattermostPerson) Call(ctx context.Context, method, path string, in, out any) error {
	return p.call(ctx, method, path, in, out)
}

func (p *MattermostPerson) call(ctx context.Context, method, path string, in, out any) error {
	return callJSON(ctx, p.client, method, p.base+"/api/v4"+path, p.Token, in, out)
}

// newToken creates a personal access token for an account.
func (p *MattermostPerson) newToken(ctx context.Context, userID string) (string, error) {
	var made struct{ Token string }
	err := p.call(ctx, http.MethodPost, "/users/"+userID+"/tokens", map[string]string{"description": "harness"}, &made)
	if err == nil && made.Token == "" {
		err = errors.New("answer without token")
	}
	if err != nil {
		return "", fmt.Errorf("access token: %w", err)
	}
	return made.Token, nil
}
