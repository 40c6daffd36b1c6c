package matrix

import (
	"context"
	"log/slog"
	"net/http"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
)

// user answers whether a ghost may exist.
func (h *handler) user(w http.ResponseWriter, req *http.Request) {
	user := id.UserID(req.PathValue("user"))
	if _, _, ghost := h.s.ParseGhost(user); !ghost && user != h.s.bot {
		answerNotFound(w)
		return
	}
	exists, err := h.inbox.User(req.Context(), user)
	h.answerExists(w, req, exists, err)
}

// alias answers whether a room of ours exists, which may make it.
func (h *handler) alias(w http.ResponseWriter, req *http.Request) {
	alias := id.RoomAlias(req.PathValue("alias"))
	if _, ours := h.s.ParseAlias(alias); !ours {
		answerNotFound(w)
		return
	}
	exists, err := h.inbox.Alias(req.Context(), alias)
	h.answerExists(w, req, exists, err)
}

func (h *handler) answerExists(w http.ResponseWriter, req *http.Request, exists bool, err error) {
	switch {
	case err != nil:
		h.failed(w, req, err)
	case exists:
		answer(w, struct{}{})
	default:
		answerNotFound(w)
	}
}

func (h *handler) failed(w http.ResponseWriter, req *http.Request, err error) {
	h.s.log.LogAttrs(req.Context(), slog.LevelWarn, "query of the homeserver not answered", slog.Any("error", err))
	answerError(w, http.StatusInternalServerError, "M_UNKNOWN", "try again later")
}

func answerNotFound(w http.ResponseWriter) {
	answerError(w, http.StatusNotFound, "M_NOT_FOUND", "not found")
}

// protocol describes a kind of network.
func (h *handler) protocol(w http.ResponseWriter, req *http.Request) {
	if h.directory != nil {
		for _, p := range h.directory.Protocols() {
			if p.ID == req.PathValue("protocol") {
				answer(w, protocolBody(p))
				return
			}
		}
	}
	answerNotFound(w)
}

func (h *handler) locations(w http.ResponseWriter, req *http.Request) {
	lookUp(h, w, req, locationBody, func(ctx context.Context, d Directory) ([]intent.Location, error) {
		return d.Locations(ctx, req.PathValue("protocol"), fields(req))
	})
}

func (h *handler) locationOf(w http.ResponseWriter, req *http.Request) {
	lookUp(h, w, req, locationBody, func(ctx context.Context, d Directory) ([]intent.Location, error) {
		return d.LocationOf(ctx, id.RoomAlias(req.URL.Query().Get("alias")))
	})
}

func (h *handler) people(w http.ResponseWriter, req *http.Request) {
	lookUp(h, w, req, personBody, func(ctx context.Context, d Directory) ([]intent.Person, error) {
		return d.People(ctx, req.PathValue("protocol"), fields(req))
	})
}

func (h *handler) personOf(w http.ResponseWriter, req *http.Request) {
	lookUp(h, w, req, personBody, func(ctx context.Context, d Directory) ([]intent.Person, error) {
		return d.PersonOf(ctx, id.UserID(req.URL.Query().Get("userid")))
	})
}

// lookUp answers a list, 404 when it is empty.
func lookUp[T any](h *handler, w http.ResponseWriter, req *http.Request, body func(T) map[string]any,
	find func(context.Context, Directory) ([]T, error),
) {
	if h.directory == nil {
		answerNotFound(w)
		return
	}
	found, err := find(req.Context(), h.directory)
	if err != nil {
		h.failed(w, req, err)
		return
	}
	if len(found) == 0 {
		answerNotFound(w)
		return
	}
	list := make([]map[string]any, len(found))
	for i, f := range found {
		list[i] = body(f)
	}
	answer(w, list)
}

// fields are a look-up's query parameters without our own.
func fields(req *http.Request) map[string]string {
	out := map[string]string{}
	for key, values := range req.URL.Query() {
		if key != "access_token" && len(values) > 0 {
			out[key] = values[0]
		}
	}
	return out
}

// The bodies follow the application service API, "Third-party networks".

func protocolBody(p intent.Protocol) map[string]any {
	types := map[string]any{}
	for _, field := range append(append([]string{}, p.UserFields...), p.LocationFields...) {
		types[field] = map[string]string{"regexp": ".*", "placeholder": field}
	}
	instances := make([]map[string]any, len(p.Networks))
	for i, n := range p.Networks {
		set := n.Set
		if set == nil {
			set = map[string]string{}
		}
		instances[i] = map[string]any{"network_id": n.ID, "desc": n.Name, "icon": p.Icon, "fields": set}
	}
	return map[string]any{
		"user_fields": list(p.UserFields), "location_fields": list(p.LocationFields),
		"icon": p.Icon, "field_types": types, "instances": instances,
	}
}

func locationBody(l intent.Location) map[string]any {
	return map[string]any{"alias": l.Alias, "protocol": l.Protocol, "fields": set(l.Fields)}
}

func personBody(p intent.Person) map[string]any {
	return map[string]any{"userid": p.User, "protocol": p.Protocol, "fields": set(p.Fields)}
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func set(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
