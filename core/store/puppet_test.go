package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

func TestPuppets(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		_, err := s.Puppet(ctx, "mm", "@anna:x")
		wantIs(t, err, store.ErrNoRow)
		anna := store.Puppet{Bridge: "mm", MXID: "@anna:x", User: "u1", Login: "u1", Secret: "s1", Name: "Anna"}
		beat := store.Puppet{Bridge: "mm", MXID: "@beat:x", User: "u2", Login: "u2", Secret: "s2", Name: "Beat"}
		for _, p := range []store.Puppet{anna, beat} {
			if err := s.SavePuppet(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		anna.Secret, anna.AvatarKey = "s3", "mxc://x/1"
		if err := s.SavePuppet(ctx, anna); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(anna, must[store.Puppet](t)(s.Puppet(ctx, "mm", "@anna:x"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(beat, must[store.Puppet](t)(s.PuppetByUser(ctx, "mm", "u2"))); diff != "" {
			t.Error(diff)
		}
		_, err = s.PuppetByUser(ctx, "rc", "u2") // another network's u2 is somebody else
		wantIs(t, err, store.ErrNoRow)
		beat.User = "u1"
		if err := s.SavePuppet(ctx, beat); err == nil {
			t.Error("one account stands for two people")
		}

		for range 2 { // the second time changes nothing
			for _, user := range []bridge.UserID{"u2", "u1"} {
				if err := s.PuppetAdmitted(ctx, "mm", "chat", user, true); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.PuppetAdmitted(ctx, "mm", "other", "u3", true); err != nil {
			t.Fatal(err)
		}
		list := func() []bridge.UserID { return must[[]bridge.UserID](t)(s.PuppetsIn(ctx, "mm", "chat")) }
		if diff := cmp.Diff([]bridge.UserID{"u1", "u2"}, list()); diff != "" {
			t.Error(diff)
		}
		for range 2 {
			if err := s.PuppetAdmitted(ctx, "mm", "chat", "u1", false); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]bridge.UserID{"u2"}, list()); diff != "" {
			t.Error(diff)
		}
	})
}
