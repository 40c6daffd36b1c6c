package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// MatrixPerson is somebody with a Matrix client. Every method is one or a few
// calls of the client-server API; requests are not repeated, so that what a
// test sends is sent once.
type MatrixPerson struct {
	*mautrix.Client

	mu    sync.Mutex
	since string // position of the last /sync, empty before the first
}

// loginMatrix logs in with a password.
func loginMatrix(ctx context.Context, url string, client *http.Client, localpart, password string) (*MatrixPerson, error) {
	api, err := mautrix.NewClient(url, "", "")
	if err != nil {
		return nil, fmt.Errorf("matrix client: %w", err)
	}
	api.Client = client
	api.DefaultHTTPRetries = 0
	_, err = api.Login(ctx, &mautrix.ReqLogin{
		Type:             mautrix.AuthTypePassword,
		Identifier:       mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: localpart},
		Password:         password,
		StoreCredentials: true,
	})
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	return &MatrixPerson{Client: api}, nil
}

// NewRoom creates a room that only invited people can join and invites them.
func (p *MatrixPerson) NewRoom(ctx context.Context, name string, invite ...id.UserID) (id.RoomID, error) {
	room, err := p.CreateRoom(ctx, &mautrix.ReqCreateRoom{Name: name, Preset: "private_chat", Invite: invite})
	if err != nil {
		return "", fmt.Errorf("create room: %w", err)
	}
	return room.RoomID, nil
}

// NewPublicRoom creates a room with an alias that everybody on the server can
// join. The alias is given without # and server name.
func (p *MatrixPerson) NewPublicRoom(ctx context.Context, name, alias string) (id.RoomID, error) {
	room, err := p.CreateRoom(ctx, &mautrix.ReqCreateRoom{Name: name, Preset: "public_chat", RoomAliasName: alias})
	if err != nil {
		return "", fmt.Errorf("create room: %w", err)
	}
	return room.RoomID, nil
}

// Join joins a room by its ID or alias.
func (p *MatrixPerson) Join(ctx context.Context, roomOrAlias string) (id.RoomID, error) {
	room, err := p.JoinRoom(ctx, roomOrAlias, nil)
	if err != nil {
		return "", fmt.Errorf("join: %w", err)
	}
	return room.RoomID, nil
}

// AcceptInvite waits until the person is invited to a room and joins it. An
// empty room means any.
func (p *MatrixPerson) AcceptInvite(ctx context.Context, room id.RoomID) (id.RoomID, error) {
	for {
		answer, err := p.sync(ctx, "", 0, `{"room":{"timeline":{"limit":0}}}`)
		if err != nil {
			return "", fmt.Errorf("accept invite: %w", err)
		}
		for invited := range answer.Rooms.Invite {
			if room == "" || room == invited {
				return p.Join(ctx, invited.String())
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return "", fmt.Errorf("accept invite: %w", err)
		}
	}
}

// Say sends plain text.
func (p *MatrixPerson) Say(ctx context.Context, room id.RoomID, text string) (id.EventID, error) {
	return p.Send(ctx, room, &event.MessageEventContent{MsgType: event.MsgText, Body: text})
}

// SayHTML sends formatted text with its plain form.
func (p *MatrixPerson) SayHTML(ctx context.Context, room id.RoomID, text, html string) (id.EventID, error) {
	return p.Send(ctx, room, &event.MessageEventContent{
		MsgType: event.MsgText, Body: text, Format: event.FormatHTML, FormattedBody: html,
	})
}

// Reply answers a message.
func (p *MatrixPerson) Reply(ctx context.Context, room id.RoomID, to id.EventID, text string) (id.EventID, error) {
	return p.Send(ctx, room, &event.MessageEventContent{
		MsgType: event.MsgText, Body: text, RelatesTo: (&event.RelatesTo{}).SetReplyTo(to),
	})
}

// ThreadReply writes into the thread that root opens. Like real clients it
// points clients without threads to the root as if it were a reply.
func (p *MatrixPerson) ThreadReply(ctx context.Context, room id.RoomID, root id.EventID, text string) (id.EventID, error) {
	return p.Send(ctx, room, &event.MessageEventContent{
		MsgType: event.MsgText, Body: text, RelatesTo: (&event.RelatesTo{}).SetThread(root, root),
	})
}

// Edit replaces the text of a message.
func (p *MatrixPerson) Edit(ctx context.Context, room id.RoomID, message id.EventID, text string) (id.EventID, error) {
	content := &event.MessageEventContent{MsgType: event.MsgText, Body: text}
	content.SetEdit(message)
	return p.Send(ctx, room, content)
}

// React adds a reaction, an emoji as a rule.
func (p *MatrixPerson) React(ctx context.Context, room id.RoomID, message id.EventID, key string) (id.EventID, error) {
	answer, err := p.SendReaction(ctx, room, message, key)
	if err != nil {
		return "", fmt.Errorf("react: %w", err)
	}
	return answer.EventID, nil
}

// Redact removes a message or a reaction.
func (p *MatrixPerson) Redact(ctx context.Context, room id.RoomID, target id.EventID) error {
	if _, err := p.RedactEvent(ctx, room, target); err != nil {
		return fmt.Errorf("redact: %w", err)
	}
	return nil
}

// SendFile uploads data and posts it; the kind of message follows from the
// media type as given.
func (p *MatrixPerson) SendFile(ctx context.Context, room id.RoomID, kind event.MessageType, name, mediaType string, data []byte) (id.EventID, error) {
	upload, err := p.UploadBytesWithName(ctx, data, mediaType, name)
	if err != nil {
		return "", fmt.Errorf("upload: %w", err)
	}
	return p.Send(ctx, room, &event.MessageEventContent{
		MsgType: kind, Body: name, FileName: name, URL: upload.ContentURI.CUString(),
		Info: &event.FileInfo{MimeType: mediaType, Size: len(data)},
	})
}

// Send sends content as m.room.message.
func (p *MatrixPerson) Send(ctx context.Context, room id.RoomID, content *event.MessageEventContent) (id.EventID, error) {
	answer, err := p.SendMessageEvent(ctx, room, event.EventMessage, content)
	if err != nil {
		return "", fmt.Errorf("send: %w", err)
	}
	return answer.EventID, nil
}

// Members returns who is in the room, with display names.
func (p *MatrixPerson) Members(ctx context.Context, room id.RoomID) (map[id.UserID]string, error) {
	answer, err := p.JoinedMembers(ctx, room)
	if err != nil {
		return nil, fmt.Errorf("members: %w", err)
	}
	members := make(map[id.UserID]string, len(answer.Joined))
	for user, profile := range answer.Joined {
		members[user] = profile.DisplayName
	}
	return members, nil
}

// sync performs one /sync; wait is how long the server may hold it.
func (p *MatrixPerson) sync(ctx context.Context, since string, wait time.Duration, filter string) (*mautrix.RespSync, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+requestTimeout)
	defer cancel()
	answer, err := p.FullSyncRequest(ctx, mautrix.ReqSync{
		Since: since, Timeout: int(wait.Milliseconds()), FilterID: filter,
	})
	if err != nil {
		return nil, err
	}
	if answer.NextBatch == "" {
		return nil, errors.New("sync: answer without next_batch")
	}
	return answer, nil
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
