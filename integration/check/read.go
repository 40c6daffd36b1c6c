package check

import (
	"context"
	"fmt"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
)

// Readers are a person on each side who is in every chat.
type Readers struct {
	Mattermost *harness.MattermostPerson
	// Names are how the apps on Mattermost show accounts, by their ID.
	Names  map[string]string
	Matrix *harness.MatrixPerson
}

// Await waits until every acknowledged message is on both sides, and so is every
// other one that was read on any side, or until ctx ends; then the error names a
// chat in which one is missing.
func (r Readers) Await(ctx context.Context, chats []Chat, sent []Sent) error {
	for _, chat := range chats {
		w := waiting{must: make(map[string]bool), unclear: make(map[string]bool)}
		for _, m := range sent {
			if m.Chat == chat.Name {
				w.list(m.Acknowledged)[m.Text] = true
			}
		}
		// The second round waits for the unclear messages that the first one found.
		for range 2 {
			if err := r.await(ctx, chat, w); err != nil {
				return fmt.Errorf("%s: %w", chat.Name, err)
			}
		}
	}
	return nil
}

// await waits for a chat on one side after the other.
func (r Readers) await(ctx context.Context, chat Chat, w waiting) error {
	_, err := r.Mattermost.WaitForAll(ctx, chat.Channel, func(posts []harness.MattermostPost) bool {
		have := make(map[string]bool, len(posts))
		for i := range posts {
			have[posts[i].Message] = true
		}
		return w.complete(have)
	})
	if err != nil {
		return fmt.Errorf("on Mattermost: %w", err)
	}
	_, err = r.Matrix.WaitForAll(ctx, chat.Room, func(messages []harness.MatrixMessage) bool {
		have := make(map[string]bool, len(messages))
		for i := range messages {
			have[messages[i].Text] = true
		}
		return w.complete(have)
	})
	if err != nil {
		return fmt.Errorf("on Matrix: %w", err)
	}
	return nil
}

// waiting is what a chat must hold.
type waiting struct {
	must    map[string]bool
	unclear map[string]bool // must be there when it is on the other side
}

// list returns where a message belongs.
func (w waiting) list(acknowledged bool) map[string]bool {
	if acknowledged {
		return w.must
	}
	return w.unclear
}

// complete reports whether a side holds all that it must, and learns which unclear
// messages are there.
func (w waiting) complete(have map[string]bool) bool {
	for text := range w.unclear {
		if have[text] {
			delete(w.unclear, text)
			w.must[text] = true
		}
	}
	for text := range w.must {
		if !have[text] {
			return false
		}
	}
	return true
}

// Read reads all chats of both sides.
func (r Readers) Read(ctx context.Context, chats []Chat) (mattermost, matrix Transcript, err error) {
	mattermost, matrix = make(Transcript), make(Transcript)
	for _, chat := range chats {
		if mattermost[chat.Name], err = r.channel(ctx, chat.Channel); err != nil {
			return nil, nil, fmt.Errorf("read %s on Mattermost: %w", chat.Name, err)
		}
		if matrix[chat.Name], err = r.room(ctx, chat.Room); err != nil {
			return nil, nil, fmt.Errorf("read %s on Matrix: %w", chat.Name, err)
		}
	}
	return mattermost, matrix, nil
}

// channel reads a channel. Its apps sort by the time of creation, which two posts
// may share.
func (r Readers) channel(ctx context.Context, channel string) ([]Seen, error) {
	posts, err := r.Mattermost.ReadAll(ctx, channel)
	if err != nil {
		return nil, err
	}
	seen := make([]Seen, len(posts))
	for i := range posts {
		author := r.Names[posts[i].UserID]
		if name, ok := posts[i].Props["override_username"].(string); ok && posts[i].Props["from_webhook"] == "true" {
			author = name
		}
		seen[i] = Seen{Text: posts[i].Message, Author: author, At: posts[i].CreateAt}
	}
	return seen, nil
}

// room reads a room, in the server's order.
func (r Readers) room(ctx context.Context, room id.RoomID) ([]Seen, error) {
	messages, err := r.Matrix.ReadAll(ctx, room)
	if err != nil {
		return nil, err
	}
	names, err := r.Matrix.Members(ctx, room)
	if err != nil {
		return nil, err
	}
	seen := make([]Seen, len(messages))
	for i := range messages {
		m := &messages[i]
		seen[i] = Seen{Text: m.Latest(), Author: names[m.Sender], At: int64(i)}
	}
	return seen, nil
}
