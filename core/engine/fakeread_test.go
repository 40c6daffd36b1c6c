package engine_test

import (
	"context"

	"maunium.net/go/mautrix/id"
)

func (f *fakeMatrix) Read(ctx context.Context, room id.RoomID, event id.EventID) error {
	f.mu.Lock()
	stuck := f.stuck
	f.mu.Unlock()
	if stuck {
		<-ctx.Done()
		return ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin("read"); err != nil {
		return err
	}
	f.read[room] = append(f.read[room], event)
	return f.end("read")
}

// marks lists how far the bot has marked a room as read.
func (f *fakeMatrix) marks(room id.RoomID) []id.EventID {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]id.EventID(nil), f.read[room]...)
}

// marked tells whether an event is the last that the bot has marked.
func (f *fakeMatrix) marked(room id.RoomID, event id.EventID) func() bool {
	return func() bool {
		all := f.marks(room)
		return len(all) > 0 && all[len(all)-1] == event
	}
}
