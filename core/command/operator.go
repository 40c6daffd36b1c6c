package command

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// School is what the operator must know of a school.
type School struct {
	ID       bridge.SchoolID
	Language string // "de" or "en": of what people on networks are told
	Admins   []id.UserID
	Bridges  []bridge.ID // that its portals in the configuration name
}

// Rooms is what linking an existing room asks the homeserver.
type Rooms interface {
	// PowerLevel reads a user's power level in a room that the bot is in.
	PowerLevel(ctx context.Context, room id.RoomID, user id.UserID) (int, error)
	// ResolveAlias finds a room by its alias.
	ResolveAlias(ctx context.Context, alias id.RoomAlias) (id.RoomID, error)
}

// Options is what an [Operator] works with.
type Options struct {
	Store   *store.Store
	Schools []School
	// Bridges are the configured networks in the order of the configuration, and
	// how each looks up chats; nil where a network cannot.
	Bridges []Network
	Rooms   Rooms
	// Accounts lets people link their own accounts; nil = nobody can.
	Accounts Accounts
	Log      *slog.Logger
	Now      func() time.Time
}

// Operator carries out commands. Its methods may be called from many goroutines
// and processes.
type Operator struct{ opts Options }

// New makes an operator.
func New(opts Options) *Operator {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Operator{opts: opts}
}

// Caller is who gives a command. The zero value is the operator at the command
// line, who may write the configuration and therefore do everything.
type Caller struct{ User id.UserID }

// local tells whether the caller is the operator.
func (c Caller) local() bool { return c.User == "" }

// name is how the audit calls the caller.
func (c Caller) name() string {
	if c.local() {
		return "operator"
	}
	return string(c.User)
}

// RefusedError is an answer for the person who asked: what is wrong and what to
// do. Every other error is trouble of the gateway.
type RefusedError struct{ Text string }

func (e *RefusedError) Error() string { return e.Text }

// refuse makes a refusal.
func refuse(format string, args ...any) error {
	return &RefusedError{Text: fmt.Sprintf(format, args...)}
}

// schools lists the schools that a caller may act for.
func (o *Operator) schools(c Caller) []bridge.SchoolID {
	var out []bridge.SchoolID
	for _, s := range o.opts.Schools {
		if c.local() || slices.Contains(s.Admins, c.User) {
			out = append(out, s.ID)
		}
	}
	return out
}

// sees tells whether a caller may see what belongs to a school. Rows without a
// school, or of one that has left the configuration, are the operator's.
func (o *Operator) sees(c Caller, school bridge.SchoolID) bool {
	return c.local() || slices.Contains(o.schools(c), school)
}

// allow refuses those who are admins of no school.
func (o *Operator) allow(c Caller) error {
	if c.local() || len(o.schools(c)) > 0 {
		return nil
	}
	return refuse("Sorry, only the administrators of a school may do this. Who runs this gateway can make you one.")
}

// chooseSchool finds the school that a command is about.
func (o *Operator) chooseSchool(c Caller, wanted bridge.SchoolID) (bridge.SchoolID, error) {
	mine := o.schools(c)
	switch {
	case wanted != "" && slices.Contains(mine, wanted):
		return wanted, nil
	case wanted != "":
		return "", refuse("That is no school that you may act for. Choose one of: %s.", list(mine))
	case len(mine) == 1:
		return mine[0], nil
	case len(mine) == 0:
		return "", refuse("There is no school yet: add one under schools in the configuration.")
	}
	return "", refuse("Say for which school, with --school and one of: %s.", list(mine))
}

// audit notes a change. The change is made already: that the note cannot be
// written is logged, not reported as if the change had failed.
func (o *Operator) audit(ctx context.Context, school bridge.SchoolID, c Caller, what string) {
	if err := o.opts.Store.Audit(ctx, school, c.name(), what); err != nil {
		o.opts.Log.LogAttrs(ctx, slog.LevelWarn, "audit not written", slog.String("error", err.Error()))
	}
}

// list shows names for people.
func list[T ~string](names []T) string {
	if len(names) == 0 {
		return "(none)"
	}
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = string(name)
	}
	return strings.Join(words, ", ")
}
