package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/world"
)

// TestTyping shows on each side that somebody on the other one is writing.
func TestTyping(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		k.post(w.Anna, "hello") // makes her ghost
		k.onMatrix("hello")
		check(t, world.Until(soon(t), "the ghost to be writing", func(ctx context.Context) error {
			typing := map[string]string{"channel_id": k.channel.ID, "parent_id": ""}
			if err := w.Anna.Call(ctx, http.MethodPost, "/users/"+w.Anna.ID+"/typing", typing, nil); err != nil {
				return err
			}
			return k.writes(ctx, w.Ghost(w.Anna))
		}))

		heard := k.listen(w.Anna)
		check(t, world.Until(soon(t), "the bot to be writing", func(ctx context.Context) error {
			if _, err := w.Carla.UserTyping(ctx, k.room, true, 20*time.Second); err != nil {
				return err
			}
			select {
			case <-heard:
				return nil
			default:
				return errors.New("not yet")
			}
		}))
	})
}

// writes looks whether somebody is shown as writing on Matrix.
func (k *talk) writes(ctx context.Context, who id.UserID) error {
	answer, err := k.w.Carla.FullSyncRequest(ctx, mautrix.ReqSync{
		FilterID: `{"room":{"rooms":["` + k.room.String() + `"],"timeline":{"limit":1}}}`,
	})
	if err != nil {
		return err
	}
	joined := answer.Rooms.Join[k.room]
	if joined == nil {
		return errors.New("the room is not told")
	}
	for _, ev := range joined.Ephemeral.Events {
		if ev.Type.Type != event.EphemeralEventTyping.Type {
			continue
		}
		if err := ev.Content.ParseRaw(event.EphemeralEventTyping); err == nil && slices.Contains(ev.Content.AsTyping().UserIDs, who) {
			return nil
		}
	}
	return errors.New("not yet")
}

// listen opens a socket on Mattermost. The channel gets a value whenever the bot is
// told to be writing in the talk's channel.
func (k *talk) listen(who *world.Teacher) <-chan struct{} {
	k.t.Helper()
	address := "ws" + strings.TrimPrefix(k.w.Mattermost.URL, "http") + "/api/v4/websocket"
	ws, response, err := websocket.DefaultDialer.DialContext(soon(k.t), address, http.Header{"Authorization": {"Bearer " + who.Token}})
	check(k.t, err)
	check(k.t, response.Body.Close())
	k.t.Cleanup(func() { _ = ws.Close() })
	_, _, err = ws.ReadMessage() // the greeting
	check(k.t, err)
	heard := make(chan struct{}, 1)
	go func() {
		for {
			_, text, err := ws.ReadMessage()
			if err != nil {
				return
			}
			s := string(text)
			if !strings.Contains(s, `"typing"`) || !strings.Contains(s, k.channel.ID) || !strings.Contains(s, k.w.Bot.ID) {
				continue
			}
			select {
			case heard <- struct{}{}:
			default:
			}
		}
	}()
	return heard
}
