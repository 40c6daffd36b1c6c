package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// fleet is the gateway processes that share one database; mostly one.
type fleet struct {
	all []*gateway
	txn int
}

// event is a message of a person in a room.
type event struct {
	ID       string         `json:"event_id"`
	Room     string         `json:"room_id"`
	Type     string         `json:"type"`
	Sender   string         `json:"sender"`
	StateKey *string        `json:"state_key,omitempty"`
	Time     int64          `json:"origin_server_ts"`
	Content  map[string]any `json:"content"`
}

// transaction pushes events as a homeserver does, to one process after the other.
func (f *fleet) transaction(ctx context.Context, events []event) error {
	body, err := json.Marshal(map[string]any{"events": events})
	if err != nil {
		return err
	}
	f.txn++
	g := f.all[f.txn%len(f.all)]
	req, err := http.NewRequestWithContext(ctx, http.MethodPut,
		fmt.Sprintf("%s/_matrix/app/v1/transactions/%d", g.push, f.txn), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+hsToken)
	resp, err := g.client.Do(req)
	if err != nil {
		return fmt.Errorf("push transaction: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("push transaction: %s: %s", resp.Status, text)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// usage sums up what the processes have used.
func (f *fleet) usage() (usage, error) {
	var sum usage
	for _, g := range f.all {
		u, err := g.usage()
		if err != nil {
			return sum, err
		}
		sum.cpu += u.cpu
		sum.rss += u.rss
		sum.hwm += u.hwm
	}
	return sum, nil
}
