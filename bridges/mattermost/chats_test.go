package mattermost

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/steg-bridge/steg/bridges/mattermost/mattermosttest"
	"github.com/steg-bridge/steg/core/bridge"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 230 { // more than one page
		r.server.NewChannel(r.team, fmt.Sprintf("klasse-%03d", i), false)
	}
	r.server.NewChannel(r.team, "klasse-secret", true)
	archived := r.server.NewChannel(r.team, "klasse-old", false)
	r.server.Archive(archived, true)
	other := r.server.NewTeam("other")
	r.server.NewChannel(other, "klasse-1", false)
	for ref, want := range map[string]int{
		"School/Klasse-007": 1, " school/klasse-007 ": 1, "school/klasse-*": 230, "school/klasse-0*": 100, "school/x*": 0,
	} {
		found, err := r.client.Resolve(t.Context(), ref)
		if err != nil || len(found) != want {
			t.Errorf("%q: %d channels, error %v; want %d", ref, len(found), err, want)
		}
		for _, info := range found {
			if info.Slug != strings.ReplaceAll(info.Ref, "/", ".") || info.Private || info.Gone {
				t.Errorf("%q lists %+v", ref, info)
			}
		}
	}
	for _, ref := range []string{"school/none", "none/klasse-1", "other/klasse-1", "klasse-1", "school/", "/x", "scho*/x", "school/a/b", "school/[", ""} {
		if _, err := r.client.Resolve(t.Context(), ref); !errors.Is(err, bridge.ErrNotFound) {
			t.Errorf("%q: error %v, want %v", ref, err, bridge.ErrNotFound)
		}
	}
}

func TestFollowNeedsLetting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	private := r.server.NewChannel(r.team, "private", true)
	elsewhere := r.server.NewChannel(r.server.NewTeam("other"), "open", false)
	archived := r.server.NewChannel(r.team, "archived", false)
	r.server.Archive(archived, true)
	for chat, hint := range map[string]string{
		private:   "ask a channel admin to add @steg to the channel",
		elsewhere: "add @steg to the",
		archived:  "restore it first",
	} {
		_, err := r.client.Follow(t.Context(), bridge.ChatID(chat))
		if !errors.Is(err, bridge.ErrForbidden) || !strings.Contains(err.Error(), hint) {
			t.Errorf("error %v, want %v with %q", err, bridge.ErrForbidden, hint)
		}
	}
	if _, err := r.client.Follow(t.Context(), "no id"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("error %v, want %v", err, bridge.ErrNotFound)
	}
}

// IDs that have not the server's form never reach it: it answers 403 to them.
func TestMalformedIDs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, id := range []string{"", "x", "../../users/me", strings.Repeat("A", 26), strings.Repeat("é", 13)} {
		_, chatErr := r.client.Chat(t.Context(), bridge.ChatID(id))
		_, userErr := r.client.User(t.Context(), bridge.UserID(id))
		_, _, avatarErr := r.client.OpenAvatar(t.Context(), bridge.UserID(id))
		_, sendErr := r.client.Send(t.Context(), r.out(bridge.ChatID(id), "k", "x"))
		for what, err := range map[string]error{"Chat": chatErr, "User": userErr, "OpenAvatar": avatarErr, "Send": sendErr} {
			if !errors.Is(err, bridge.ErrNotFound) {
				t.Errorf("%s(%q): error %v, want %v", what, id, err, bridge.ErrNotFound)
			}
		}
	}
	if n := r.server.Calls(""); n > 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(r *rig)
		level  bridge.Level
		what   string
		fix    string
	}{
		"well":         {func(*rig) {}, bridge.LevelOK, "school", ""},
		"no names":     {func(r *rig) { r.server.Set(func(s *mattermosttest.Switches) { s.NameOverride = false }) }, bridge.LevelWarn, "EnablePostUsernameOverride", "override usernames"},
		"no pictures":  {func(r *rig) { r.server.Set(func(s *mattermosttest.Switches) { s.IconOverride = false }) }, bridge.LevelWarn, "EnablePostIconOverride", "profile picture icons"},
		"short posts":  {func(r *rig) { r.server.Set(func(s *mattermosttest.Switches) { s.MaxPostSize = 4000 }) }, bridge.LevelWarn, "4000", "Posts table"},
		"no team":      {func(r *rig) { _, r.cfg.Token = r.server.NewBot("lonely"); r.restart() }, bridge.LevelFail, "no team", "@lonely"},
		"dead token":   {func(r *rig) { r.server.Revoke(r.token) }, bridge.LevelFail, "token", "new access token"},
		"sick server":  {func(r *rig) { r.server.DatabaseAway(true) }, bridge.LevelFail, "healthy", "database"},
		"wrong server": {func(r *rig) { r.cfg.URL = "http://127.0.0.1:1"; r.restart() }, bridge.LevelFail, "reachable", "url"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c.change(r)
			found := r.client.Check(t.Context())
			for _, f := range found {
				if f.Level == c.level && strings.Contains(f.What, c.what) && strings.Contains(f.Fix, c.fix) {
					return
				}
			}
			t.Errorf("no finding %q with %q and the remedy %q in %+v", c.level, c.what, c.fix, found)
		})
	}
}
