package world

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
)

// Management is a room in which somebody gives commands to Steg's bot.
type Management struct {
	Room  id.RoomID
	Asked id.EventID // the last command

	who  *Pupil
	bot  id.UserID
	seen map[id.EventID]bool // the bot's answers that were read
}

// ErrDeclined says that the bot did not follow an invitation.
var ErrDeclined = errors.New("the bot has declined the invitation")

// OpenManagement invites the bot into a new direct room and waits until it has
// joined or declined.
func (w *World) OpenManagement(ctx context.Context, who *Pupil) (*Management, error) {
	room, err := who.CreateRoom(ctx, &mautrix.ReqCreateRoom{
		Preset: "trusted_private_chat", IsDirect: true, Invite: []id.UserID{w.BotID()},
	})
	if err != nil {
		return nil, fmt.Errorf("create management room: %w", err)
	}
	m := &Management{Room: room.RoomID, who: who, bot: w.BotID(), seen: make(map[id.EventID]bool)}
	declined := false
	err = Until(ctx, "the bot in the management room", func(ctx context.Context) error {
		membership, err := m.membership(ctx)
		if declined = membership == event.MembershipLeave; err != nil || declined || membership == event.MembershipJoin {
			return err
		}
		return fmt.Errorf("its membership is %q", membership)
	})
	if declined {
		return nil, ErrDeclined
	}
	return m, err
}

func (m *Management) membership(ctx context.Context) (event.Membership, error) {
	var content event.MemberEventContent
	err := m.who.StateEvent(ctx, m.Room, event.StateMember, m.bot.String(), &content)
	return content.Membership, err
}

// Ask sends a command and returns the bot's answer.
func (m *Management) Ask(ctx context.Context, command string) (string, error) {
	asked, err := m.who.Say(ctx, m.Room, command)
	if err != nil {
		return "", err
	}
	m.Asked = asked
	answer, err := m.who.WaitFor(ctx, m.Room, m.answers(asked))
	if err != nil {
		return "", fmt.Errorf("ask the bot %q: %w", command, err)
	}
	m.seen[answer.ID] = true
	return answer.Latest(), nil
}

// answers accepts the first message of the bot after a message, unless it was
// read already. The room is read again and again, from its beginning.
func (m *Management) answers(asked id.EventID) func(harness.MatrixMessage) bool {
	after, before := false, make(map[id.EventID]bool)
	return func(message harness.MatrixMessage) bool {
		if message.ID == asked {
			after = true
		}
		if !after { // the bot may say something without being asked
			before[message.ID] = true
		}
		return after && message.Sender == m.bot && !before[message.ID] && !m.seen[message.ID]
	}
}
