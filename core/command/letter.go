package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// Letter is a dead letter without its content.
type Letter struct {
	Number int64           `json:"number"`
	School bridge.SchoolID `json:"school"`
	Bridge bridge.ID       `json:"bridge"`
	Ref    string          `json:"ref,omitempty"` // the chat, "" when it belongs to none
	Dir    store.Dir       `json:"direction"`
	Reason string          `json:"reason"`
	DeadAt time.Time       `json:"dead_at"`
}

// maxLetters is how many dead letters are read to find those of one school.
const maxLetters = 2000

// DeadLetters lists what can never cross, oldest first, at most limit.
func (o *Operator) DeadLetters(ctx context.Context, c Caller, limit int) ([]Letter, error) {
	if err := o.allow(c); err != nil {
		return nil, err
	}
	read := limit
	if !c.local() {
		read = maxLetters
	}
	all, err := o.opts.Store.DeadLetters(ctx, read)
	if err != nil {
		return nil, err
	}
	portals, err := o.opts.Store.Portals(ctx)
	if err != nil {
		return nil, err
	}
	refs := make(map[int64]string, len(portals))
	for _, p := range portals {
		refs[p.ID] = p.Ref
	}
	out := []Letter{}
	for _, d := range all {
		if o.sees(c, d.School) && len(out) < limit {
			out = append(out, Letter{
				Number: d.Number, School: d.School, Bridge: d.Bridge, Ref: refs[d.Portal], Dir: d.Dir, Reason: d.Reason, DeadAt: d.DeadAt,
			})
		}
	}
	return out, nil
}

// Replay puts a dead letter at the end of its lane. It is looked for on the
// other side before it is sent again.
func (o *Operator) Replay(ctx context.Context, c Caller, number int64) error {
	return o.letter(ctx, c, number, "replayed dead letter %d", func() error { return o.opts.Store.Replay(ctx, number) })
}

// Discard gives a dead letter up: its content is deleted, and it counts as
// dropped.
func (o *Operator) Discard(ctx context.Context, c Caller, number int64) error {
	return o.letter(ctx, c, number, "", func() error { return o.opts.Store.Discard(ctx, number, c.name()) })
}

// letter does something with a dead letter that the caller may see. Without
// what, the store notes it in the audit itself.
func (o *Operator) letter(ctx context.Context, c Caller, number int64, what string, do func() error) error {
	if err := o.allow(c); err != nil {
		return err
	}
	unknown := refuse("There is no dead letter %d: deadletters lists them.", number)
	d, err := o.opts.Store.DeadLetter(ctx, number)
	switch {
	case errors.Is(err, store.ErrNoRow):
		return unknown
	case err != nil:
		return err
	case !o.sees(c, d.School):
		return unknown
	}
	err = do()
	switch {
	case errors.Is(err, store.ErrNoRow):
		return unknown // somebody was faster
	case err != nil:
		return err
	}
	if what != "" {
		o.audit(ctx, d.School, c, fmt.Sprintf(what, number))
	}
	return nil
}
