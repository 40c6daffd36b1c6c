package bridgefake

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// File is a file of a message.
type File struct {
	ID       bridge.FileID // made by the network
	Name     string
	Type     string
	Data     []byte
	Width    int
	Height   int
	Duration time.Duration
	Voice    bool
	Preview  []byte
	// Claims is the length that the network announces, in bytes; 0 = the true one.
	Claims int64
}

func (f *File) size() int64 {
	if f.Claims > 0 {
		return f.Claims
	}
	return int64(len(f.Data))
}

// PostFiles writes a message with files as a person.
func (n *Network) PostFiles(by bridge.UserID, id bridge.ChatID, text string, files ...File) bridge.MessageID {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, u := n.chats[id], n.users[by]
	if c == nil || u == nil || c.info.Gone {
		return ""
	}
	return n.post(c, Message{User: by, Author: u.info.Name, Text: text, Files: n.keep(files)}).ID
}

// EditFiles replaces text and files of a message. Files that it has keep their ID.
func (n *Network) EditFiles(by bridge.UserID, id bridge.ChatID, target bridge.MessageID, text string, files ...File) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.chats[id]; c != nil {
		if m := c.live(target); m != nil {
			n.edit(c, m, change{by: by, text: text, files: n.keep(files)})
		}
	}
}

// LoseFile makes the network forget a file that messages still name.
func (n *Network) LoseFile(id bridge.FileID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.files, id)
}

// keep stores the files that are new. It needs mu held.
func (n *Network) keep(files []File) []File {
	out := slices.Clone(files)
	for i := range out {
		if out[i].ID == "" {
			out[i].ID = bridge.FileID(n.newID("f"))
			n.files[out[i].ID] = &out[i]
		}
	}
	return out
}

func receipt(m *message) bridge.Receipt {
	r := bridge.Receipt{ID: m.ID, Time: m.Time}
	for _, f := range m.Files {
		r.Files = append(r.Files, f.ID)
	}
	return r
}

// fileList is a message's files in the words of the contract, never nil: the
// network always tells.
func fileList(files []File) []bridge.File {
	out := make([]bridge.File, len(files))
	for i, f := range files {
		out[i] = bridge.File{
			ID: f.ID, Name: f.Name, Type: f.Type, Size: f.size(), Width: f.Width, Height: f.Height, Duration: f.Duration, Voice: f.Voice, Preview: f.Preview,
		}
	}
	return out
}

func (n *Network) readFile(ctx context.Context, login bridge.LoginID, chat bridge.ChatID, id bridge.FileID) ([]byte, error) {
	_, _, err := n.open(ctx, Call{Op: "file", Login: login, Chat: chat})
	if err != nil {
		return nil, err
	}
	defer n.mu.Unlock()
	f := n.files[id]
	if f == nil {
		return nil, &status{code: codeNotFound}
	}
	return f.Data, nil
}

// OpenFile implements [bridge.FileOpener].
func (c *client) OpenFile(ctx context.Context, chat bridge.ChatID, id bridge.FileID) (io.ReadCloser, int64, error) {
	data, err := c.net.readFile(ctx, c.id, chat, id)
	if err != nil {
		return nil, 0, fmt.Errorf("open file: %w", classify(err))
	}
	return io.NopCloser(bytes.NewReader(data)), -1, nil
}

// FileLimit implements [bridge.FileLimiter].
func (c *client) FileLimit(context.Context) (int64, error) { return c.net.opts.MaxFile, nil }

// upload reads the files of a message: in memory, as everything here is.
func (c *client) upload(ctx context.Context, files []bridge.OutgoingFile) ([]File, error) {
	var out []File
	for _, f := range files {
		body, size, err := f.Open(ctx)
		if err != nil {
			return nil, fmt.Errorf("open file: %w", err)
		}
		data, err := io.ReadAll(io.LimitReader(body, c.net.opts.MaxFile+1))
		_ = body.Close() // it has been read
		switch {
		case err != nil:
			return nil, fmt.Errorf("read file: %w", err)
		case int64(len(data)) > c.net.opts.MaxFile:
			return nil, fmt.Errorf("%w: %w", bridge.ErrFile, bridge.ErrTooLarge)
		case size >= 0 && int64(len(data)) != size:
			return nil, fmt.Errorf("%w: not as long as announced: %w", bridge.ErrFile, bridge.ErrRejected)
		}
		out = append(out, File{
			Name: f.Name, Type: f.Type, Data: data, Width: f.Width, Height: f.Height, Duration: f.Duration, Voice: f.Voice,
		})
	}
	return out, nil
}
