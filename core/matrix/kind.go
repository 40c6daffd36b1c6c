package matrix

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// learnKind asks, unless it is known, whether the homeserver is one of which what it
// took is there at once or never: Synapse has a feature of its own in GET
// /_matrix/client/versions, and others may tell by the server-server API, GET
// /_matrix/federation/v1/version, where that is served (Dendrite without federation
// does not). One that does not say is treated with care. The error says that we could
// not ask.
func (s *Service) learnKind(ctx context.Context) (instant bool, err error) {
	s.trust.mu.Lock()
	known, instant := s.trust.known, s.trust.instant
	s.trust.mu.Unlock()
	if known {
		return instant, nil
	}
	var features struct {
		Unstable map[string]any `json:"unstable_features"`
	}
	err = s.call(ctx, request{op: "read features", method: http.MethodGet, path: "/_matrix/client/versions"}, &features)
	if err != nil {
		return false, err
	}
	if _, instant = features.Unstable["io.element.e2ee_forced.public"]; !instant {
		var answer struct {
			Server struct {
				Name string `json:"name"`
			} `json:"server"`
		}
		err := s.call(ctx, request{op: "read server version", method: http.MethodGet, path: "/_matrix/federation/v1/version"}, &answer)
		if refused, ok := errors.AsType[*ResponseError](err); ok && refused.Status/100 == 4 {
			return false, nil // not served
		}
		if err != nil || answer.Server.Name == "" {
			return false, err
		}
		instant = !strings.EqualFold(answer.Server.Name, "dendrite")
	}
	s.trust.mu.Lock()
	defer s.trust.mu.Unlock()
	s.trust.known, s.trust.instant = true, instant
	return instant, nil
}
