package e2e_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// catPicture is a small PNG.
func catPicture(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	check(t, png.Encode(&out, image.NewGray(image.Rect(0, 0, 40, 30))))
	return out.Bytes()
}

// voice is the beginning of a recording: nobody listens to it.
func voice() []byte {
	return append([]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00OpusHead"), bytes.Repeat([]byte{7}, 20_000)...)
}

// fileOnMatrix waits for a file with this body and checks what is in it.
func (k *talk) fileOnMatrix(body string, kind event.MessageType, data []byte) *event.MessageEventContent {
	k.t.Helper()
	m := k.onMatrixThat(func(m harness.MatrixMessage) bool { return m.Latest() == body && m.URL != "" })
	content := m.Event.Content.AsMessage()
	if content.MsgType != kind {
		k.t.Errorf("%q is a %s, want %s", body, content.MsgType, kind)
	}
	uri, err := m.URL.Parse()
	check(k.t, err)
	got, err := k.w.Carla.DownloadBytes(soon(k.t), uri)
	check(k.t, err)
	if !bytes.Equal(got, data) {
		k.t.Errorf("%q has %d bytes, want %d, or others", body, len(got), len(data))
	}
	return content
}

// fileOnMattermost waits for a post and checks its one file.
func (k *talk) fileOnMattermost(text, name string, data []byte) harness.MattermostPost {
	k.t.Helper()
	post := k.onMattermostThat(func(p harness.MattermostPost) bool {
		return p.Message == text && len(p.FileIDs) == 1 && k.nameOf(p) == name
	})
	got, err := k.w.Anna.File(soon(k.t), post.FileIDs[0])
	check(k.t, err)
	if !bytes.Equal(got, data) {
		k.t.Errorf("%q has %d bytes, want %d, or others", name, len(got), len(data))
	}
	return post
}

func (k *talk) nameOf(p harness.MattermostPost) string {
	k.t.Helper()
	var info struct{ Name string }
	check(k.t, k.w.Anna.Call(soon(k.t), http.MethodGet, "/files/"+p.FileIDs[0]+"/info", nil, &info))
	return info.Name
}

func TestFilesFromMattermost(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		cat := catPicture(t)
		captioned, err := w.Anna.SendFile(soon(t), k.channel.ID, "Unsere **Katze**", "katze.png", cat)
		check(t, err)
		content := k.fileOnMatrix("Unsere **Katze**", event.MsgImage, cat)
		if content.FileName != "katze.png" || content.Info.Width != 40 || content.Info.Height != 30 || content.Info.Size != len(cat) || content.Info.AnoaBlurhash == "" ||
			!strings.Contains(content.FormattedBody, "<strong>Katze</strong>") {
			t.Errorf("the picture is %q, %+v, %q", content.FileName, content.Info, content.FormattedBody)
		}
		_, err = w.Anna.SendFile(soon(t), k.channel.ID, "", "hallo.ogg", voice())
		check(t, err)
		k.fileOnMatrix("hallo.ogg", event.MsgAudio, voice())
		active := []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
		_, err = w.Anna.SendFile(soon(t), k.channel.ID, "", "logo.svg", active)
		check(t, err)
		if got := k.fileOnMatrix("logo.svg", event.MsgFile, active).Info.MimeType; got != "application/octet-stream" {
			t.Errorf("active content is told as %s", got)
		}

		// Ten files in one post are ten messages in order; then seven.
		post := harness.MattermostPost{ChannelID: k.channel.ID, Message: "zehn Dateien"}
		for n := range 10 {
			file, err := w.Anna.Upload(soon(t), k.channel.ID, fmt.Sprintf("%d.txt", n), fmt.Appendf(nil, "file %d", n))
			check(t, err)
			post.FileIDs = append(post.FileIDs, file)
		}
		ten, err := w.Anna.CreatePost(soon(t), &post)
		check(t, err)
		want := []string{"zehn Dateien"}
		for n := range 10 {
			name := fmt.Sprintf("%d.txt", n)
			k.fileOnMatrix(name, event.MsgFile, fmt.Appendf(nil, "file %d", n))
			want = append(want, name)
		}
		k.wantTail(want...)
		check(t, w.Anna.Call(soon(t), http.MethodPut, "/posts/"+ten+"/patch", map[string]any{"file_ids": post.FileIDs[3:]}, nil))
		k.wantTail(append(want[:1:1], want[4:]...)...)
		check(t, w.Anna.Edit(soon(t), captioned, "Unser Hund"))
		k.fileOnMatrix("Unser Hund", event.MsgImage, cat)

		// A removed post takes all of its parts along.
		check(t, w.Anna.Delete(soon(t), ten))
		k.wantTail("Unser Hund", "hallo.ogg", "logo.svg")
		if portal := k.settle(); portal.In.Dead+portal.Out.Dead > 0 {
			t.Errorf("dead letters: in %+v, out %+v", portal.In, portal.Out)
		}
	})
}

// wantTail waits until the last messages of the room that are not redacted read so.
func (k *talk) wantTail(want ...string) {
	k.t.Helper()
	var got []string
	_, err := k.w.Carla.WaitForAll(soon(k.t), k.room, func(all []harness.MatrixMessage) bool {
		got = nil
		for _, m := range all {
			if !m.Redacted {
				got = append(got, m.Latest())
			}
		}
		return strings.HasSuffix("\n"+strings.Join(got, "\n"), "\n"+strings.Join(want, "\n"))
	})
	if err != nil {
		k.t.Fatalf("the room reads %q, want %q at its end: %v", got, want, err)
	}
}

func TestFilesFromMatrix(t *testing.T) {
	t.Parallel()
	shared(t, core, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		cat := catPicture(t)
		send := func(kind event.MessageType, name, mediaType, caption string, data []byte, change func(*event.MessageEventContent)) id.EventID {
			upload, err := w.Carla.UploadBytesWithName(soon(t), data, mediaType, name)
			check(t, err)
			content := &event.MessageEventContent{
				MsgType: kind, Body: name, FileName: name, URL: upload.ContentURI.CUString(), Info: &event.FileInfo{MimeType: mediaType, Size: len(data)},
			}
			if caption != "" {
				content.Body = caption
			}
			if change != nil {
				change(content)
			}
			ev, err := w.Carla.Send(soon(t), k.room, content)
			check(t, err)
			return ev
		}
		send(event.MsgImage, "katze.png", "image/png", "Unsere Katze", cat, nil)
		post := k.fileOnMattermost("Unsere Katze", "katze.png", cat)
		if post.UserID != w.Bot.ID || post.Props["override_username"] != w.Carla.Name {
			t.Errorf("post by %s as %v, want the bot as %s", post.UserID, post.Props["override_username"], w.Carla.Name)
		}
		send(event.MsgAudio, "hallo.ogg", "audio/ogg", "", voice(), func(c *event.MessageEventContent) {
			c.MSC3245Voice = &event.MSC3245Voice{}
			c.MSC1767Audio = &event.MSC1767Audio{Duration: 2000}
		})
		k.fileOnMattermost("", "hallo.ogg", voice())
		big := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
		send(event.MsgFile, "../../\u202etxt.exe", "application/octet-stream", "", big, nil)
		k.fileOnMattermost("", "txt.exe", big)

		// What cannot cross leaves its name, and the sender is told.
		send(event.MsgFile, "geheim.pdf", "application/pdf", "lesen!", cat, func(c *event.MessageEventContent) {
			c.File, c.URL = &event.EncryptedFileInfo{URL: c.URL}, ""
		})
		k.onMattermostThat(func(p harness.MattermostPost) bool {
			return strings.Contains(p.Message, "lesen") && strings.Contains(p.Message, "geheim") && len(p.FileIDs) == 0
		})
		send(event.MsgFile, "weg.pdf", "application/pdf", "", cat, func(c *event.MessageEventContent) { c.URL = "mxc://school.test/thereisnosuchfile" })
		k.onMattermostThat(func(p harness.MattermostPost) bool {
			return strings.Contains(p.Message, "weg") && len(p.FileIDs) == 0
		})
		told := 0
		_, err := w.Carla.WaitForAll(soon(t), k.room, func(all []harness.MatrixMessage) bool {
			told = 0
			for _, m := range all {
				if m.Sender == w.BotID() && m.Kind == event.MsgNotice {
					told++
				}
			}
			return told >= 2
		})
		check(t, err)
		if told != 2 {
			t.Errorf("the sender was told %d times, want twice", told)
		}

		said := send(event.MsgImage, "hund.png", "image/png", "Unser Hund", cat, nil)
		k.fileOnMattermost("Unser Hund", "hund.png", cat)
		edited := &event.MessageEventContent{MsgType: event.MsgImage, Body: "Unser Huhn", FileName: "hund.png", URL: "mxc://school.test/other"}
		edited.RelatesTo = (&event.RelatesTo{}).SetReplace(said)
		edited.NewContent = &event.MessageEventContent{MsgType: event.MsgImage, Body: "Unser Huhn", FileName: "hund.png", URL: "mxc://school.test/other"}
		_, err = w.Carla.Send(soon(t), k.room, edited)
		check(t, err)
		k.fileOnMattermost("Unser Huhn", "hund.png", cat)
		if portal := k.settle(); portal.In.Dead+portal.Out.Dead > 0 {
			t.Errorf("dead letters: in %+v, out %+v", portal.In, portal.Out)
		}
	})
}
