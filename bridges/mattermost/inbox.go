package mattermost

import "sync"

// maxInbox is how many frames may wait to be looked at; the server waits then.
const maxInbox = 1024

// inbox holds the frames that have been read and not been looked at.
type inbox struct {
	mu     sync.Mutex
	frames [][]byte
	err    error
	some   chan struct{} // frames or the error have come
	room   chan struct{} // frames have been taken
}

func newInbox() *inbox {
	return &inbox{some: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// put waits for room.
func (in *inbox) put(data []byte) {
	for {
		in.mu.Lock()
		if len(in.frames) < maxInbox || in.err != nil {
			in.frames = append(in.frames, data)
			in.mu.Unlock()
			signal(in.some)
			return
		}
		in.mu.Unlock()
		<-in.room
	}
}

// fail ends the inbox: what is in it is still taken, then the error.
func (in *inbox) fail(err error) {
	in.mu.Lock()
	if in.err == nil {
		in.err = err
	}
	in.mu.Unlock()
	signal(in.some)
	signal(in.room)
}

// take waits for frames and returns all that have come.
func (in *inbox) take() ([][]byte, error) {
	for {
		in.mu.Lock()
		frames, err := in.frames, in.err
		in.frames = nil
		in.mu.Unlock()
		signal(in.room)
		if len(frames) > 0 {
			return frames, nil
		}
		if err != nil {
			return nil, err
		}
		<-in.some
	}
}
