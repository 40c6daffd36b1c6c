package mattermost

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

var (
	_ bridge.FileOpener  = (*client)(nil)
	_ bridge.FileLimiter = (*client)(nil)
)

// maxPreview bounds the preview of a picture that is kept with its message. The
// server makes them 16 pixels wide.
const maxPreview = 8 << 10

// fileList lists the files of a post in the order that people see, which is that
// of their upload; the IDs in a post are sorted by themselves. Some answers have
// only IDs.
func fileList(p *model.Post) []bridge.File {
	files := make([]bridge.File, 0, len(p.FileIds))
	told := map[string]bool{}
	for _, f := range filesShown(p) {
		file := bridge.File{
			ID: bridge.FileID(f.Id), Name: f.Name, Type: f.MimeType, Size: f.Size, Width: f.Width, Height: f.Height,
		}
		if f.MiniPreview != nil && len(*f.MiniPreview) <= maxPreview {
			file.Preview = *f.MiniPreview
		}
		files, told[f.Id] = append(files, file), true
	}
	for _, id := range p.FileIds {
		if !told[id] {
			files = append(files, bridge.File{ID: bridge.FileID(id)})
		}
	}
	return files
}

// filesShown are the files that a post tells about, sorted as the apps do.
func filesShown(p *model.Post) []*model.FileInfo {
	var shown []*model.FileInfo
	if p.Metadata == nil {
		return nil
	}
	for _, f := range p.Metadata.Files {
		if f != nil && slices.Contains(p.FileIds, f.Id) {
			shown = append(shown, f)
		}
	}
	slices.SortStableFunc(shown, func(a, b *model.FileInfo) int {
		return cmp.Or(cmp.Compare(a.CreateAt, b.CreateAt), cmp.Compare(a.Name, b.Name))
	})
	return shown
}

// OpenFile streams a file of a post.
func (c *client) OpenFile(ctx context.Context, chat bridge.ChatID, id bridge.FileID) (io.ReadCloser, int64, error) {
	if !validID(string(id)) || !validID(string(chat)) {
		return nil, 0, bridge.ErrNotFound
	}
	body, size, err := c.api.openFile(ctx, string(id))
	if err != nil {
		return nil, 0, c.explain(ctx, err, chat)
	}
	return body, size, nil
}

// FileLimit is the server's MaxFileSize.
func (c *client) FileLimit(ctx context.Context) (int64, error) {
	me, err := c.me(ctx)
	if err != nil {
		return 0, err
	}
	return me.maxFile, nil
}

// upload stores the files of a message in the channel, for a post of ours. What
// no post uses is seen by nobody.
func (c *client) upload(ctx context.Context, m *bridge.Outgoing) (model.StringArray, error) {
	if len(m.Files) == 0 {
		return nil, nil
	}
	limit, err := c.FileLimit(ctx)
	if err != nil {
		return nil, err
	}
	var ids model.StringArray
	for i := range m.Files {
		id, err := c.uploadOne(ctx, m.Chat, &m.Files[i], limit)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (c *client) uploadOne(ctx context.Context, chat bridge.ChatID, f *bridge.OutgoingFile, limit int64) (string, error) {
	body, size, err := f.Open(ctx)
	if err != nil {
		return "", fmt.Errorf("open file: %w", err)
	}
	defer body.Close() //nolint:errcheck // read only
	if limit > 0 && size > limit {
		// The server would say so, and perhaps cut the connection first.
		return "", fmt.Errorf("%w: %w: the server takes %d bytes", bridge.ErrFile, bridge.ErrTooLarge, limit)
	}
	id, err := c.api.uploadFile(ctx, string(chat), f.Name, body, size)
	if err == nil {
		return id, nil
	}
	if err = c.explain(ctx, err, chat); bridge.Classify(err) == bridge.ClassPermanent {
		return "", fmt.Errorf("%w: %w", bridge.ErrFile, err)
	}
	return "", err
}

// openFile streams a file; the caller closes it.
func (a *api) openFile(ctx context.Context, id string) (io.ReadCloser, int64, error) {
	const op = "read file"
	moving, stall := bridge.WithStall(ctx, a.stall)
	req, err := http.NewRequestWithContext(moving, http.MethodGet, a.client.APIURL+"/files/"+id, http.NoBody)
	if err != nil {
		stall.End()
		return nil, 0, newCallError(op, nil, err)
	}
	req.Header.Set("Accept-Encoding", "identity") // or its length is not told
	resp, err := a.fileCall(ctx, moving, op, req) //nolint:bodyclose // by who reads it
	if err != nil {
		stall.End()
		return nil, 0, err
	}
	return stall.WatchBody(&fileBody{resp.Body, ctx, moving}), resp.ContentLength, nil
}

// fileBody is a file being read. Its errors are those of a call.
type fileBody struct {
	io.ReadCloser

	ctx, moving context.Context //nolint:containedctx // of the request that the body belongs to
}

func (b *fileBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = classify(transferError(b.ctx, b.moving, "read file", err))
	}
	return n, err
}

// uploadFile stores a file in a channel and returns its ID. The server reads it
// as it comes, and checks the length when it is known.
func (a *api) uploadFile(ctx context.Context, channel, name string, body io.ReadCloser, size int64) (string, error) {
	const op = "upload file"
	moving, stall := bridge.WithStall(ctx, a.stall)
	defer stall.End()
	// The HTTP client waits for a read of the body that is under way.
	defer context.AfterFunc(moving, func() { _ = body.Close() })()
	query := url.Values{"channel_id": {channel}, "filename": {name}}
	req, err := http.NewRequestWithContext(moving, http.MethodPost, a.client.APIURL+"/files?"+query.Encode(), io.NopCloser(stall.Watch(body)))
	if err != nil {
		return "", newCallError(op, nil, err)
	}
	req.ContentLength = size
	if size == 0 {
		req.Body = http.NoBody // the server refuses it
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := a.fileCall(ctx, moving, op, req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var stored model.FileUploadResponse
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&stored); err != nil {
		return "", newCallError(op, nil, err)
	}
	if len(stored.FileInfos) != 1 {
		return "", newCallError(op, nil, io.ErrUnexpectedEOF)
	}
	return stored.FileInfos[0].Id, nil
}

// fileCall makes a request that may take long: only standing still ends it.
func (a *api) fileCall(ctx, moving context.Context, op string, req *http.Request) (*http.Response, error) {
	req.Header.Set("Authorization", a.client.AuthType+" "+a.client.AuthToken)
	resp, err := a.files.Do(req)
	if err != nil {
		return nil, transferError(ctx, moving, op, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, newCallError(op, resp, model.AppErrorFromJSON(io.LimitReader(resp.Body, 1<<16)))
}

// transferError says why a transfer ended early.
func transferError(ctx, moving context.Context, op string, err error) error {
	if ctx.Err() == nil && errors.Is(context.Cause(moving), bridge.ErrStalled) {
		return &bridge.TemporaryError{Err: fmt.Errorf("%s: %w", op, bridge.ErrStalled)}
	}
	return newCallError(op, nil, err)
}
