package e2e_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

// bombSize is what the bombs would take if somebody opened them.
const bombSize = 512 << 20

// gzipBomb is half a megabyte that unpacks to bombSize.
func gzipBomb(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	packed, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	check(t, err)
	zeros := make([]byte, 1<<20)
	for range bombSize / len(zeros) {
		_, err := packed.Write(zeros)
		check(t, err)
	}
	check(t, packed.Close())
	return out.Bytes()
}

// pictureBomb is a PNG that claims 60,000 times 60,000 pixels.
func pictureBomb() []byte {
	out := bytes.NewBufferString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		_ = binary.Write(out, binary.BigEndian, uint32(len(data))) // a buffer takes everything
		body := append([]byte(kind), data...)
		out.Write(body)
		_ = binary.Write(out, binary.BigEndian, crc32.ChecksumIEEE(body))
	}
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 60_000), 60_000)
	chunk("IHDR", append(size, 8, 6, 0, 0, 0))
	chunk("IDAT", []byte{0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1})
	chunk("IEND", nil)
	return out.Bytes()
}

// TestFileBombs sends files that fill the memory of who opens them. Steg does not:
// they cross as they are, or are named in their place where a server refuses them.
func TestFileBombs(t *testing.T) {
	t.Parallel()
	shared(t, full, func(t *testing.T, w *world.World) {
		k := open(t, w, "both")
		packed, picture := gzipBomb(t), pictureBomb()
		before, err := w.Gateway.Usage()
		check(t, err)
		send := func(kind event.MessageType, name, mediaType string, data []byte) {
			upload, err := w.Carla.UploadBytesWithName(soon(t), data, mediaType, name)
			check(t, err)
			_, err = w.Carla.Send(soon(t), k.room, &event.MessageEventContent{
				MsgType: kind, Body: name, FileName: name, URL: upload.ContentURI.CUString(), Info: &event.FileInfo{MimeType: mediaType, Size: len(data)},
			})
			check(t, err)
		}
		send(event.MsgFile, "bomb.gz", "application/gzip", packed)
		k.fileOnMattermost("", "bomb.gz", packed)
		send(event.MsgImage, "bomb.png", "image/png", picture)
		k.onMattermostThat(func(p harness.MattermostPost) bool { // the server itself refuses such pictures
			return strings.Contains(p.Message, "bomb.png") || len(p.FileIDs) == 1 && k.nameOf(p) == "bomb.png"
		})
		_, err = w.Anna.SendFile(soon(t), k.channel.ID, "", "bomb2.gz", packed)
		check(t, err)
		k.fileOnMatrix("bomb2.gz", event.MsgFile, packed)
		_, err = w.Anna.SendFile(soon(t), k.channel.ID, "", "bomb.bin", picture)
		check(t, err)
		got := k.onMatrixThat(func(m harness.MatrixMessage) bool { return m.Latest() == "bomb.bin" && m.URL != "" })
		if info := got.Event.Content.AsMessage().Info; info.Width > 0 || info.AnoaBlurhash != "" {
			t.Errorf("the picture was looked into: %+v", info)
		}
		after, err := w.Gateway.Usage()
		check(t, err)
		if grown := after.Memory - before.Memory; grown > bombSize/4 {
			t.Errorf("Steg's memory grew by %d MB", grown>>20)
		}
		k.say(w.Carla, "goes on")
		k.onMattermost("goes on")
		if portal := k.settle(); portal.In.Dead+portal.Out.Dead > 0 {
			t.Errorf("dead letters: in %+v, out %+v", portal.In, portal.Out)
		}
	})
}
