package matrixtest

import (
	"fmt"
	"net/http"
	"strings"
)

// LimitUploads makes the server refuse files of more than so many bytes, and tell
// so when asked; 0 ends it.
func (s *Server) LimitUploads(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxUpload = bytes
}

// OldMedia makes the server one from before Matrix 1.11: it knows only the
// unauthenticated paths of media.
func (s *Server) OldMedia() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oldMedia = true
}

// Media returns a stored file and the type under which it is served.
func (s *Server) Media(mxc string) (mimeType string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.media[strings.TrimPrefix(mxc, "mxc://"+s.ServerName+"/")]
	return m.mimeType, m.body
}

func (s *Server) mediaConfig(*call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.maxUpload == 0 {
		return ok(map[string]any{})
	}
	return ok(map[string]any{"m.upload.size": s.maxUpload})
}

// young guards a path of Matrix 1.11.
func (s *Server) young(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		old := s.oldMedia
		s.mu.Unlock()
		if old {
			write(w, refuse(http.StatusNotFound, "M_UNRECOGNIZED"))
			return
		}
		next(w, r)
	}
}

func (s *Server) upload(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Dialect == Synapse && c.ContentLength < 0 {
		return refuse(http.StatusBadRequest, "M_UNKNOWN") // it wants the length in advance
	}
	if s.maxUpload > 0 && int64(len(c.body)) > s.maxUpload {
		return refuse(http.StatusRequestEntityTooLarge, "M_TOO_LARGE")
	}
	media := fmt.Sprintf("media%d", len(s.media)+1)
	s.media[media] = upload{c.Header.Get("Content-Type"), c.body}
	return ok(map[string]any{"content_uri": fmt.Sprintf("mxc://%s/%s", s.ServerName, media)})
}

// download serves thumbnails too: they are not scaled.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	if _, _, denied := s.authenticate(r); denied.code != "" {
		write(w, denied)
		return
	}
	s.mu.Lock()
	media, found := s.media[r.PathValue("media")]
	s.mu.Unlock()
	if !found || r.PathValue("server") != s.ServerName {
		write(w, refuse(http.StatusNotFound, "M_NOT_FOUND"))
		return
	}
	w.Header().Set("Content-Type", media.mimeType)
	_, _ = w.Write(media.body)
}
