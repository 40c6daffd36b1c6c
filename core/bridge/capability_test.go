package bridge_test

import (
	"context"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/core/bridge"
)

type (
	editor   struct{ bridge.Client }
	remover  struct{ bridge.Client }
	resolver struct{ bridge.Client }
	follower struct{ bridge.Client }
	avatars  struct{ bridge.Client }
	checker  struct{ bridge.Client }
	reactor  struct{ bridge.Client }
	typist   struct{ bridge.Client }
	pinner   struct{ bridge.Client }
	files    struct{ bridge.Client }
	lister   struct{ bridge.Client }
	spacer   struct{ bridge.Client }
	presence struct{ bridge.Client }
)

func (editor) Edit(context.Context, *bridge.OutgoingEdit) error                  { return nil }
func (reactor) React(context.Context, *bridge.OutgoingReaction) error            { return nil }
func (pinner) Pinned(context.Context, bridge.ChatID) ([]bridge.MessageID, error) { return nil, nil }
func (pinner) Pin(context.Context, bridge.ChatID, bridge.MessageID, bool) error  { return nil }
func (remover) Remove(context.Context, *bridge.OutgoingRemoval) error            { return nil }
func (checker) Check(context.Context) []bridge.Finding                           { return nil }
func (follower) Follow(context.Context, bridge.ChatID) (bridge.Cursor, error)    { return "", nil }

func (resolver) Resolve(context.Context, string) ([]bridge.ChatInfo, error) { return nil, nil }

func (typist) Typing(context.Context, bridge.ChatID, bridge.Author, bool) error { return nil }

func (lister) Members(context.Context, bridge.ChatID, string) (*bridge.MemberList, error) {
	return nil, nil
}

func (spacer) Space(context.Context, bridge.SpaceID) (*bridge.SpaceInfo, error) { return nil, nil }

func (presence) Presence(context.Context, []bridge.UserID) (map[bridge.UserID]bridge.Presence, error) {
	return nil, nil
}

func (avatars) OpenAvatar(context.Context, bridge.UserID) (io.ReadCloser, string, error) {
	return nil, "", nil
}

func (files) OpenFile(context.Context, bridge.ChatID, bridge.FileID) (io.ReadCloser, int64, error) {
	return nil, 0, nil
}

func TestFill(t *testing.T) {
	t.Parallel()
	facts := bridge.Capabilities{MaxText: 7, Markup: "x", Threads: true, Replies: true, IDStable: true}
	with := func(f func(*bridge.Capabilities)) bridge.Capabilities {
		c := facts
		f(&c)
		return c
	}
	tests := map[string]struct {
		client bridge.Client
		want   bridge.Capabilities
	}{
		"none":     {struct{ bridge.Client }{}, facts},
		"edit":     {editor{}, with(func(c *bridge.Capabilities) { c.Edits = true })},
		"remove":   {remover{}, with(func(c *bridge.Capabilities) { c.Removals = true })},
		"resolve":  {resolver{}, with(func(c *bridge.Capabilities) { c.Resolves = true })},
		"follow":   {follower{}, with(func(c *bridge.Capabilities) { c.Follows = true })},
		"avatar":   {avatars{}, with(func(c *bridge.Capabilities) { c.Avatars = true })},
		"check":    {checker{}, with(func(c *bridge.Capabilities) { c.Checks = true })},
		"react":    {reactor{}, with(func(c *bridge.Capabilities) { c.Reacts = true })},
		"pin":      {pinner{}, with(func(c *bridge.Capabilities) { c.Pins = true })},
		"members":  {lister{}, with(func(c *bridge.Capabilities) { c.Members = true })},
		"spaces":   {spacer{}, with(func(c *bridge.Capabilities) { c.Spaces = true })},
		"type":     {typist{}, with(func(c *bridge.Capabilities) { c.Types = true })},
		"presence": {presence{}, with(func(c *bridge.Capabilities) { c.Presence = true })},
		"files":    {files{}, with(func(c *bridge.Capabilities) { c.Files = true })},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, facts.Fill(tt.client)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			// What was declared and is not there is taken back.
			all := facts
			all.Edits, all.Removals, all.Resolves, all.Follows, all.Avatars, all.Checks = true, true, true, true, true, true
			all.Reacts, all.Types, all.Pins, all.Files, all.Members, all.Spaces = true, true, true, true, true, true
			all.Presence = true
			if diff := cmp.Diff(tt.want, all.Fill(tt.client)); diff != "" {
				t.Errorf("declared too much: -want +got:\n%s", diff)
			}
		})
	}
}
