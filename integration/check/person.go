package check

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
)

// Chat is a channel joined to a room.
type Chat struct {
	Name    string // one word, unique
	Channel string // ID on Mattermost
	Room    id.RoomID
}

// Person is somebody who writes.
type Person struct {
	Word string // one word for texts, unique
	Name string // that everybody must see
	Side Side

	account account
}

// account is a person's client. Both methods are one request.
type account interface {
	// write sends a text; an error means that it is unclear what became of it.
	write(ctx context.Context, chat Chat, text string) error
	// wrote looks for a text among the newest messages of the chat.
	wrote(ctx context.Context, chat Chat, text string) (bool, error)
}

// lookBack is how many messages a person reads to find its own last one.
const lookBack = 100

// Teacher is a person on Mattermost.
func Teacher(word, name string, p *harness.MattermostPerson) Person {
	return Person{Word: word, Name: name, Side: Mattermost, account: teacher{p}}
}

type teacher struct{ *harness.MattermostPerson }

func (t teacher) write(ctx context.Context, chat Chat, text string) error {
	_, err := t.Post(ctx, chat.Channel, text)
	return err
}

func (t teacher) wrote(ctx context.Context, chat Chat, text string) (bool, error) {
	var page struct {
		Posts map[string]harness.MattermostPost
	}
	path := "/channels/" + chat.Channel + "/posts?per_page=" + strconv.Itoa(lookBack)
	if err := t.Call(ctx, http.MethodGet, path, nil, &page); err != nil {
		return false, fmt.Errorf("look for one's own message: %w", err)
	}
	for _, post := range page.Posts {
		if post.UserID == t.ID && post.Message == text {
			return true, nil
		}
	}
	return false, nil
}

// Pupil is a person on Matrix.
func Pupil(word, name string, p *harness.MatrixPerson) Person {
	return Person{Word: word, Name: name, Side: Matrix, account: pupil{p}}
}

type pupil struct{ *harness.MatrixPerson }

func (p pupil) write(ctx context.Context, chat Chat, text string) error {
	_, err := p.Say(ctx, chat.Room, text)
	return err
}

func (p pupil) wrote(ctx context.Context, chat Chat, text string) (bool, error) {
	page, err := p.Messages(ctx, chat.Room, "", "", mautrix.DirectionBackward, nil, lookBack)
	if err != nil {
		return false, fmt.Errorf("look for one's own message: %w", err)
	}
	for _, ev := range page.Chunk {
		if ev.Sender != p.UserID || ev.Type != event.EventMessage {
			continue
		}
		if body, _ := ev.Content.Raw["body"].(string); body == text {
			return true, nil
		}
	}
	return false, nil
}
