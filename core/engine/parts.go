package engine

import (
	"context"
	"strconv"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// A remote message becomes one Matrix event or several parts in order, all of one
// item. Each part has a marker of its own, so that an attempt after an uncertain
// one finds what is there and goes on at the first part that is missing. The rows
// of all parts and the end of the item are one commit.
const (
	partText    = ""        // the text
	partCaption = "caption" // the text and its only file in one event
)

// partFile names the part of a message's nth file.
func partFile(n int) string { return "file " + strconv.Itoa(n) }

// delivery is an inbound item whose parts are being sent.
type delivery struct {
	p    *store.Portal
	it   store.Item
	a    queue.Attempt
	tell func(why string) error

	who      speaker          // as whom the next part is sent
	by       bridge.UserID    // of an edit: who made it
	to       intent.Send      // what the sends of all parts have in common
	rel      *event.RelatesTo // of the first part; the others share its thread
	mentions *event.Mentions  // of the first part
	link     store.Link       // what the rows of all parts have in common
	foreign  bool             // the item's own row stands for something else: no part takes its key

	links  []store.Link // of the parts that are there
	landed bool         // this attempt has had an effect
}

// at is the send of a part.
func (d *delivery) at(name string) intent.Send {
	s := d.to
	s.Marker.ID = marker(d.it, name)
	s.TxnID = s.Marker.ID
	return s
}

// there notes a part that the room has.
func (d *delivery) there(room id.RoomID, ev id.EventID, by id.UserID, name string, file bridge.FileID) {
	l := d.link
	l.Room, l.Event, l.Sender, l.File, l.Key = room, ev, by, file, d.it.Key
	if d.foreign || len(d.links) > 0 {
		l.Key += bridge.Key(" " + name) // no source's key has a blank
	}
	d.links = append(d.links, l)
	d.landed = true
}

// lookPart tells whether an earlier attempt has sent a part.
func (e *Engine) lookPart(ctx context.Context, d *delivery, name string, file bridge.FileID) (bool, error) {
	s := d.at(name)
	ev, by, ok, err := e.lookAs(ctx, d.a, d.it, &d.who, s)
	if err == nil && !ok && d.a.Uncertain {
		// The attempt may have been made in the room that the portal had then.
		var before former
		if before, err = e.formerRoom(ctx, d.p); err == nil && before.Room != "" && before.Room != s.Room && d.it.Accepted.Before(before.At) {
			s.Room = before.Room
			ev, by, ok, err = e.lookAs(ctx, d.a, d.it, &d.who, s)
		}
	}
	if ok {
		d.there(s.Room, ev, by, name, file)
	}
	return ok, err
}

// sendPart sends a part that is certainly not there.
func (e *Engine) sendPart(ctx context.Context, d *delivery, name string, file bridge.FileID, content *event.MessageEventContent) error {
	c := *content
	c.Mentions, c.RelatesTo = &event.Mentions{}, nil
	if len(d.links) == 0 {
		c.Mentions, c.RelatesTo = d.mentions, d.rel
	} else if root := d.rel.GetThreadParent(); root != "" {
		c.RelatesTo = (&event.RelatesTo{}).SetThread(root, d.links[len(d.links)-1].Event)
	}
	s := d.at(name)
	s.Content = &c
	ev, err := e.sendAs(ctx, d.a, d.it, &d.who, s)
	if err != nil {
		return err
	}
	d.there(s.Room, ev, d.who.as, name, file)
	return nil
}

// part sends a part unless it is there.
func (e *Engine) part(ctx context.Context, d *delivery, name string, file bridge.FileID, content *event.MessageEventContent) error {
	if ok, err := e.lookPart(ctx, d, name, file); ok || err != nil {
		return err
	}
	return e.sendPart(ctx, d, name, file, content)
}

// partFailed turns the error of a part into the lane's next move. What has been
// sent in this attempt must be found by the next one, whatever the error.
func (e *Engine) partFailed(ctx context.Context, d *delivery, err error) queue.Outcome {
	if d.landed && bridge.Classify(err) == bridge.ClassLoggedOut {
		return retry(d.uncertain(err)) // a held lane makes no attempt that would look
	}
	if d.to.Room != d.p.Room && bridge.Classify(err) == bridge.ClassPermanent {
		return drop(d.it, policy.DropMoved)
	}
	out := e.failed(ctx, d.it, d.a, d.uncertain(err), d.tell)
	e.keepOrigins(d, &out)
	return out
}

func (d *delivery) uncertain(err error) error {
	if d.landed {
		return &landedError{err}
	}
	return err
}
