package transcript

import (
	"context"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
)

// Matrix reads a room as reader sees it, without notices of bots.
func Matrix(ctx context.Context, reader *harness.MatrixPerson, room id.RoomID) ([]Line, error) {
	messages, err := reader.ReadAll(ctx, room)
	if err != nil {
		return nil, err
	}
	names, err := reader.Members(ctx, room)
	if err != nil {
		return nil, err
	}
	return OfMatrix(messages, names), nil
}

// OfMatrix makes lines of the messages of a room.
func OfMatrix(messages []harness.MatrixMessage, names map[id.UserID]string) []Line {
	var lines []Line
	place := make(map[id.EventID]int)
	for i := range messages {
		m := &messages[i]
		if m.Kind == event.MsgNotice {
			continue
		}
		line := Line{Author: names[m.Sender], Root: noRoot, Deleted: m.Redacted}
		if line.Author == "" {
			line.Author = m.Sender.String()
		}
		if !m.Redacted {
			line.Text, line.Edited = m.Latest(), len(m.Edits) > 0
		}
		above := m.Thread
		if above == "" {
			above = m.ReplyTo
		}
		if at, known := place[above]; known {
			if line.Root = at; lines[at].Root != noRoot {
				line.Root = lines[at].Root
			}
		}
		place[m.ID] = len(lines)
		lines = append(lines, line)
	}
	return lines
}
