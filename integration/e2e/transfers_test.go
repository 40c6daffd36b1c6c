package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// TestBrokenTransfers kills Steg and cuts its connections while files cross both
// ways. Each arrives whole, once and in order.
func TestBrokenTransfers(t *testing.T) {
	t.Parallel()
	core(t, func(t *testing.T, kind world.Kind) {
		w := running(t, world.Options{Homeserver: kind, Mattermost: worlds.Mattermost(t), Proxied: true, Database: database(kind)})
		// One side writes in each, so that there is one right order.
		a, b := openAs(t, w, "teachers-send", "both"), openAs(t, w, "pupils-send", "both")
		a.post(w.Anna, "before")
		a.onMatrix("before")
		// After a kill Steg believes Dendrite's memory only about what was sent well after
		// it began to watch over it (core/matrix/witness.go); otherwise it waits for minutes.
		began := time.Now()
		check(t, world.Until(soon(t), "Dendrite to be watched over", func(context.Context) error {
			if time.Since(began) < 5*time.Second {
				return errors.New("not yet")
			}
			return nil
		}))
		data := func(n int) []byte { return bytes.Repeat(fmt.Appendf(nil, "file %d ", n), 500_000) }
		trouble := []func() error{
			func() error { w.Wires.ToHomeserver.CutAll(); return nil },
			func() error { w.Wires.ToMattermost.CutAll(); return nil },
			func() error {
				check(t, w.Gateway.Kill())
				return w.Gateway.Start(soon(t))
			},
		}
		onMatrix, onMattermost := []string{"before"}, []string{}
		for round, disturb := range trouble {
			text := fmt.Sprintf("round %d", round)
			post := harness.MattermostPost{ChannelID: a.channel.ID, Message: text}
			onMatrix = append(onMatrix, text)
			for n := range 3 {
				name := fmt.Sprintf("%d-%d.bin", round, n)
				file, err := w.Anna.Upload(soon(t), a.channel.ID, name, data(n))
				check(t, err)
				post.FileIDs, onMatrix = append(post.FileIDs, file), append(onMatrix, name)
			}
			_, err := w.Anna.CreatePost(soon(t), &post)
			check(t, err)
			for n := range 3 {
				name := fmt.Sprintf("%d-%d.bin", round, n)
				_, err := w.Carla.SendFile(soon(t), b.room, event.MsgFile, name, "application/octet-stream", data(n))
				check(t, err)
				onMattermost = append(onMattermost, name)
				check(t, disturb())
			}
		}
		a.wantTail(onMatrix...)
		_, err := w.Anna.WaitForAll(soon(t), b.channel.ID, func(all []harness.MattermostPost) bool { return len(all) >= len(onMattermost) })
		check(t, err)
		a.settle()
		b.settle()

		posts, err := w.Anna.ReadAll(soon(t), b.channel.ID)
		check(t, err)
		var names []string
		for n, p := range posts {
			names = append(names, b.nameOf(p))
			got, err := w.Anna.File(soon(t), p.FileIDs[0])
			check(t, err)
			if !bytes.Equal(got, data(n%3)) {
				t.Errorf("%s has %d bytes, or others", names[n], len(got))
			}
		}
		if !slices.Equal(names, onMattermost) {
			t.Errorf("Mattermost shows %q, want %q", names, onMattermost)
		}
		events, err := w.Carla.ReadAll(soon(t), a.room)
		check(t, err)
		var bodies []string
		for _, m := range events {
			bodies = append(bodies, m.Latest())
			if m.URL == "" {
				continue
			}
			got, err := w.Carla.DownloadBytes(soon(t), mustParse(t, m.URL))
			check(t, err)
			if !bytes.Equal(got, data(int(m.Text[2]-'0'))) {
				t.Errorf("%s has %d bytes, or others", m.Text, len(got))
			}
		}
		if !slices.Equal(bodies, onMatrix) {
			t.Errorf("Matrix shows %q, want %q", bodies, onMatrix)
		}
	})
}

func mustParse(t testing.TB, uri id.ContentURIString) id.ContentURI {
	t.Helper()
	parsed, err := uri.Parse()
	check(t, err)
	return parsed
}
