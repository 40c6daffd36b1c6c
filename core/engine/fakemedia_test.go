package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
)

// fakeMedia is the media store of fakeMatrix.
type fakeMedia struct {
	files   map[string]fakeUpload
	uploads int
	limit   int64
	// read is called before a download's body, with how much is left.
	read func(left int) error
}

type fakeUpload struct {
	typ  string
	data []byte
}

func (f *fakeMatrix) Upload(_ context.Context, u intent.Upload) (string, error) {
	var body []byte
	var err error
	if u.Size != 0 {
		body, err = io.ReadAll(u.Body)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		return "", &bridge.TemporaryError{Err: err, Shared: true} // a broken request
	}
	if err := f.begin("upload"); err != nil {
		return "", err
	}
	if f.media.limit > 0 && int64(len(body)) > f.media.limit {
		return "", bridge.ErrTooLarge
	}
	return f.store(u.Type, body), f.end("upload")
}

// store needs the lock held.
func (f *fakeMatrix) store(typ string, body []byte) string {
	f.media.uploads++
	mxc := fmt.Sprintf("mxc://%s/media%d", server, f.media.uploads)
	if f.media.files == nil {
		f.media.files = map[string]fakeUpload{}
	}
	f.media.files[mxc] = fakeUpload{typ, body}
	return mxc
}

func (f *fakeMatrix) UploadLimit(context.Context) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.media.limit, f.begin("limit")
}

func (f *fakeMatrix) Download(_ context.Context, mxc string) (io.ReadCloser, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("download"); err != nil {
		return nil, 0, err
	}
	file, ok := f.media.files[mxc]
	if !ok {
		return nil, 0, bridge.ErrNotFound
	}
	return io.NopCloser(&fakeBody{f, bytes.NewReader(file.data)}), int64(len(file.data)), nil
}

type fakeBody struct {
	f *fakeMatrix
	*bytes.Reader
}

func (b *fakeBody) Read(p []byte) (int, error) {
	b.f.mu.Lock()
	hook := b.f.media.read
	b.f.mu.Unlock()
	if hook != nil {
		if err := hook(b.Len()); err != nil {
			return 0, err
		}
	}
	return b.Reader.Read(p)
}

func (f *fakeMatrix) Content(_ context.Context, room id.RoomID, ev id.EventID) (json.RawMessage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("content"); err != nil {
		return nil, err
	}
	for _, have := range f.rooms[room].events {
		switch {
		case have.ID == ev && have.Redacted:
			return json.RawMessage(`{}`), nil
		case have.ID == ev:
			return json.Marshal(have.Content)
		}
	}
	return nil, bridge.ErrNotFound
}

// sendFile makes a person send a file. content overrides what the event says.
func (f *fakeMatrix) sendFile(room id.RoomID, who id.UserID, name, typ string, data []byte, content map[string]any) id.EventID {
	f.mu.Lock()
	mxc := f.store(typ, data)
	f.mu.Unlock()
	all := map[string]any{"msgtype": "m.file", "url": mxc, "info": map[string]any{"mimetype": typ, "size": len(data)}}
	maps.Copy(all, content)
	return f.say(room, who, name, all)
}

// shown lists the events of a room as people see them, files with what is in them:
// "sender: msgtype body [name: data]". Edits are applied.
func (f *fakeMatrix) shown(room id.RoomID) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	at := map[id.EventID]int{}
	for _, ev := range f.rooms[room].events {
		content := ev.Content
		rel, _ := content["m.relates_to"].(map[string]any)
		replaced := ""
		if rel["rel_type"] == "m.replace" {
			replaced, _ = rel["event_id"].(string)
			content, _ = content["m.new_content"].(map[string]any)
		}
		msgtype, _ := content["msgtype"].(string)
		line := fmt.Sprintf("%s: %s %s", f.show(ev.Sender), strings.TrimPrefix(msgtype, "m."), content["body"])
		if mxc, ok := content["url"].(string); ok {
			line += fmt.Sprintf(" [%s: %s]", content["filename"], f.media.files[mxc].data)
		}
		if replaced != "" {
			if i := at[id.EventID(replaced)]; out[i] != "" {
				out[i] = line + " (edited)"
			}
			continue
		}
		at[ev.ID] = len(out)
		if ev.Redacted {
			line = ""
		}
		out = append(out, line)
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}
