package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"slices"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
	"github.com/steg-bridge/steg/integration/world/transcript"
)

// more shows what crosses besides words: files, reactions, and who is there.
func (p *play) more(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	return inOrder(
		func() error { return p.pictures(ctx) },
		func() error { return p.reactions(ctx) },
		func() error { return p.newTeacher(ctx) },
		func() error { return p.agree(ctx) },
	)
}

// pictures lets a teacher post a picture and a pupil one back, and compares every
// byte.
func (p *play) pictures(ctx context.Context) error {
	const poster, proof = "The poster for the camp", "My signed form"
	there, err := picture(60, 40)
	if err != nil {
		return err
	}
	back, err := picture(30, 80)
	if err != nil {
		return err
	}
	m, w := p.market, p.w
	if _, err := w.Anna.SendFile(ctx, m.channel.ID, poster, "poster.png", there); err != nil {
		return fmt.Errorf("a picture of Anna: %w", err)
	}
	shown, err := w.Carla.WaitFor(ctx, m.room, func(line harness.MatrixMessage) bool { return line.Text == poster })
	if err != nil {
		return fmt.Errorf("the picture on Matrix: %w", err)
	}
	uri, err := shown.URL.Parse()
	if err != nil || shown.Kind != event.MsgImage {
		return fmt.Errorf("the picture is a %s at %q", shown.Kind, shown.URL)
	}
	got, err := w.Carla.DownloadBytes(ctx, uri)
	if err != nil || !bytes.Equal(got, there) {
		return fmt.Errorf("the picture on Matrix has %d bytes, want %d: %w", len(got), len(there), err)
	}
	m.said = append(m.said, transcript.Line{Author: p.anna.name(), Text: poster, Root: -1})

	upload, err := w.Carla.UploadBytesWithName(ctx, back, "image/png", "form.png")
	if err != nil {
		return fmt.Errorf("a picture of Carla, uploaded: %w", err)
	}
	_, err = w.Carla.Send(ctx, m.room, &event.MessageEventContent{
		MsgType: event.MsgImage, Body: proof, FileName: "form.png", URL: upload.ContentURI.CUString(),
		Info: &event.FileInfo{MimeType: "image/png", Size: len(back)},
	})
	if err != nil {
		return fmt.Errorf("a picture of Carla, sent: %w", err)
	}
	post, err := w.Anna.WaitFor(ctx, m.channel.ID, func(post harness.MattermostPost) bool {
		return post.Message == proof && len(post.FileIDs) == 1
	})
	if err != nil {
		return fmt.Errorf("the picture on Mattermost: %w", err)
	}
	if got, err = w.Anna.File(ctx, post.FileIDs[0]); err != nil || !bytes.Equal(got, back) {
		return fmt.Errorf("the picture on Mattermost has %d bytes, want %d: %w", len(got), len(back), err)
	}
	m.said = append(m.said, transcript.Line{Author: p.carla.name(), Text: proof, Root: -1})
	p.clock.sayf("a picture of %d bytes has crossed to Matrix, and one of %d bytes back, unchanged", len(there), len(back))
	return nil
}

// picture makes a PNG.
func picture(width, height int) ([]byte, error) {
	var out bytes.Buffer
	err := png.Encode(&out, image.NewGray(image.Rect(0, 0, width, height)))
	return out.Bytes(), err
}

// reactions lets a teacher and a pupil react to each other.
func (p *play) reactions(ctx context.Context) error {
	const asked, answered = "When do we meet?", "At 7:40, at the station."
	m, w := p.market, p.w
	question, err := w.Carla.WaitFor(ctx, m.room, func(line harness.MatrixMessage) bool { return line.Text == asked })
	if err != nil {
		return err
	}
	post, err := w.Anna.WaitFor(ctx, m.channel.ID, func(post harness.MattermostPost) bool { return post.Message == asked })
	if err != nil {
		return err
	}
	if err := w.Beat.React(ctx, post.ID, "+1"); err != nil {
		return err
	}
	ghost := w.Ghost(w.Beat)
	_, err = w.Carla.WaitFor(ctx, m.room, func(line harness.MatrixMessage) bool {
		return line.ID == question.ID && slices.Equal(line.Reactions["👍️"], []id.UserID{ghost})
	})
	if err != nil {
		return fmt.Errorf("a reaction of Beat on Matrix: %w", err)
	}
	reply, err := w.Carla.WaitFor(ctx, m.room, func(line harness.MatrixMessage) bool { return line.Text == answered })
	if err != nil {
		return err
	}
	post, err = w.Anna.WaitFor(ctx, m.channel.ID, func(post harness.MattermostPost) bool { return post.Message == answered })
	if err != nil {
		return err
	}
	if _, err := w.Carla.React(ctx, m.room, reply.ID, "❤️"); err != nil {
		return err
	}
	err = world.Until(ctx, "Carla's reaction on Mattermost", func(ctx context.Context) error {
		all, err := w.Anna.Reactions(ctx, post.ID)
		if err == nil && !slices.Contains(all["heart"], w.Bot.ID) {
			err = errors.New("not yet")
		}
		return err
	})
	if err == nil {
		p.clock.say("Beat's 👍 shows on Matrix as his own, Carla's ❤️ on Mattermost")
	}
	return err
}

// newTeacher lets a teacher come into the channel and leave it again.
func (p *play) newTeacher(ctx context.Context) error {
	m, w := p.market, p.w
	erna, err := w.Hire(ctx, "erna", "Erna", "Egli")
	if err != nil {
		return err
	}
	ghost := w.Ghost(erna)
	inRoom := func(want bool) error {
		return world.Until(ctx, "Erna's place in the room", func(ctx context.Context) error {
			members, err := w.Carla.Members(ctx, m.room)
			if _, there := members[ghost]; err == nil && there != want {
				err = fmt.Errorf("in the room: %v", there)
			}
			return err
		})
	}
	if err := w.Mattermost.AddToChannel(ctx, m.channel.ID, erna.ID); err != nil {
		return err
	}
	if err := inRoom(true); err != nil {
		return err
	}
	p.clock.say("Erna has joined the channel: her ghost is in the room")
	if err := w.Mattermost.RemoveFromChannel(ctx, m.channel.ID, erna.ID); err != nil {
		return err
	}
	if err := inRoom(false); err != nil {
		return err
	}
	p.clock.say("Erna was removed from the channel: her ghost has left the room")
	return nil
}
