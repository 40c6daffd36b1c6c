package mattermosttest

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// maxFiles is how many files a post may have.
const maxFiles = 10

// storedFile is a file, before and after a post took it.
type storedFile struct {
	info *model.FileInfo
	data []byte
}

// Upload stores a file for a user, as the API would.
func (s *Server) Upload(user, channel, name string, data []byte) (*model.FileInfo, *model.AppError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.channels[channel] == nil || !s.members[channel][user]:
		return nil, noPermission()
	case len(data) == 0:
		return nil, refuse(http.StatusBadRequest, "api.file.upload_file.read_request.app_error")
	case int64(len(data)) > s.switches.MaxFileSize:
		return nil, refuse(http.StatusRequestEntityTooLarge, "api.file.upload_file.too_large_detailed.app_error")
	}
	info := model.NewInfo(filepath.Base(name)) // the type is told by the name
	info.Id, info.CreatorId, info.ChannelId, info.Size, info.CreateAt = model.NewId(), user, channel, int64(len(data)), s.tick()
	s.files[info.Id] = &storedFile{info, data}
	return info, nil
}

// LoseFile deletes a file whose post stays.
func (s *Server) LoseFile(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, id)
}

// Shorten cuts a file's content, but not what is told of it, as a broken disk does.
func (s *Server) Shorten(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[id]
	f.data = f.data[:len(f.data)/2]
}

// FileData is the content of a file.
func (s *Server) FileData(id string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[id]; f != nil {
		return f.data
	}
	return nil
}

// setFiles gives a post these files: those that it has, and those that its author
// uploaded and no post took. It needs s.mu held.
func (s *Server) setFiles(p *model.Post, ids model.StringArray) {
	meta := &model.PostMetadata{}
	if p.Metadata != nil {
		*meta = *p.Metadata
	}
	p.FileIds, meta.Files = nil, nil
	for _, id := range ids {
		f := s.files[id]
		if f == nil || f.info.CreatorId != p.UserId || f.info.PostId != "" && f.info.PostId != p.Id {
			continue
		}
		f.info.PostId = p.Id
		p.FileIds = append(p.FileIds, id)
		meta.Files = append(meta.Files, f.info)
	}
	slices.Sort(p.FileIds)
	slices.SortFunc(meta.Files, func(a, b *model.FileInfo) int { return cmp.Compare(a.CreateAt, b.CreateAt) })
	p.Metadata = meta
}

// detach deletes the files of a deleted post. It needs s.mu held.
func (s *Server) detach(p *model.Post) {
	for _, id := range p.FileIds {
		delete(s.files, id)
	}
}

func (s *Server) fileRoutes(handle func(string, http.HandlerFunc)) {
	handle("POST /files", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		query := r.URL.Query()
		info, refused := s.Upload(caller(r), query.Get("channel_id"), query.Get("filename"), data)
		answer(w, http.StatusCreated, &model.FileUploadResponse{FileInfos: []*model.FileInfo{info}}, refused)
	})
	handle("GET /files/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		f := s.files[r.PathValue("id")]
		allowed := f != nil && s.members[f.info.ChannelId][caller(r)]
		var data []byte
		if f != nil {
			data = f.data
		}
		s.mu.Unlock()
		switch {
		case f == nil:
			writeError(w, refuse(http.StatusNotFound, "app.file_info.get.app_error"))
		case !allowed:
			writeError(w, noPermission())
		default:
			w.Header().Set("Content-Type", f.info.MimeType)
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			w.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(f.info.Name))
			_, _ = w.Write(data) // the reader is gone when this fails
		}
	})
}

// fileInfos lists what is told of a post's files, as the web client sorts them.
func fileInfos(p *model.Post) []*model.FileInfo {
	if p.Metadata == nil {
		return nil
	}
	out := slices.Clone(p.Metadata.Files)
	slices.SortStableFunc(out, func(a, b *model.FileInfo) int {
		return cmp.Or(cmp.Compare(a.CreateAt, b.CreateAt), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// kept are the IDs of the first n files of a post.
func kept(p *model.Post, n int) model.StringArray {
	ids := model.StringArray{}
	for _, f := range fileInfos(p)[:n] {
		ids = append(ids, f.Id)
	}
	return ids
}

// PostFiles implements [bridgetest.Remote].
func (r *Remote) PostFiles(
	tb testing.TB, user bridge.UserID, chat bridge.ChatID, text string, files ...bridgetest.RemoteFile,
) bridge.MessageID {
	tb.Helper()
	r.Server.Join(string(chat), string(user), "")
	p := &model.Post{ChannelId: string(chat), Message: text}
	for _, f := range files {
		info, err := r.Server.Upload(string(user), string(chat), f.Name, f.Data)
		if err != nil {
			tb.Fatalf("upload: %s", err.Id)
		}
		p.FileIds = append(p.FileIds, info.Id)
	}
	return r.post(user, p)
}

// KeepFiles implements [bridgetest.Remote].
func (r *Remote) KeepFiles(tb testing.TB, user bridge.UserID, chat bridge.ChatID, id bridge.MessageID, text string, keep int) {
	tb.Helper()
	for _, p := range r.Server.Live(string(chat)) {
		if p.Id != string(id) {
			continue
		}
		ids := kept(p, keep)
		if _, err := r.Server.Patch(string(user), p.Id, &model.PostPatch{Message: &text, FileIds: &ids}); err != nil {
			tb.Fatalf("edit: %s", err.Id)
		}
	}
}

// PostFiles implements [bridgetest.Remote].
func (r *RealRemote) PostFiles(
	tb testing.TB, user bridge.UserID, chat bridge.ChatID, text string, files ...bridgetest.RemoteFile,
) bridge.MessageID {
	tb.Helper()
	r.admit(tb, chat, string(user))
	client := r.person(user).client
	p := &model.Post{ChannelId: string(chat), Message: text}
	for _, f := range files {
		stored, _, err := client.UploadFile(tb.Context(), f.Data, string(chat), f.Name)
		must(tb, "upload", err)
		p.FileIds = append(p.FileIds, stored.FileInfos[0].Id)
	}
	made, _, err := client.CreatePost(tb.Context(), p)
	must(tb, "post", err)
	return bridge.MessageID(made.Id)
}

// KeepFiles implements [bridgetest.Remote].
func (r *RealRemote) KeepFiles(tb testing.TB, user bridge.UserID, _ bridge.ChatID, id bridge.MessageID, text string, keep int) {
	tb.Helper()
	client := r.person(user).client
	p, _, err := client.GetPost(tb.Context(), string(id), "")
	must(tb, "read post", err)
	ids := kept(p, keep)
	_, _, err = client.PatchPost(tb.Context(), string(id), &model.PostPatch{Message: &text, FileIds: &ids})
	must(tb, "edit", err)
}

func (r *RealRemote) download(ctx context.Context, tb testing.TB, id string) []byte {
	tb.Helper()
	resp, err := r.admin.DoAPIGet(ctx, "/files/"+id, "")
	must(tb, "read file", err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	must(tb, "read file", err)
	return data
}
