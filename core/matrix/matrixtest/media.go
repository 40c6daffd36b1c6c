package matrixtest

import (
	"fmt"
	"net/http"
)

func (s *Server) upload(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
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
