package kill_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/steg-bridge/steg/integration/check"
	"github.com/steg-bridge/steg/integration/world"
)

// stage is a world with portals and people in them.
type stage struct {
	w       *world.World
	chats   []check.Chat
	people  []check.Person
	readers check.Readers
	own     *world.Pupil // as whom a teacher appears on Matrix
}

// newStage makes a world in which Steg runs, all portals have rooms, and everybody
// is in all of them.
func newStage(t *testing.T, kind world.Kind, p plan) *stage {
	t.Helper()
	const portals = 20
	team := "gym-" + string(kind) + "-" + strings.ReplaceAll(p.name, " ", "-")
	options := world.Options{
		Homeserver: kind, Database: database(kind), Proxied: p.proxied(), Team: team, Channels: portals, DoublePuppets: true,
	}
	for i := range portals {
		options.Portals = append(options.Portals, world.Portal{Chat: fmt.Sprintf("%s/channel-%03d", team, i+1), Mode: "both"})
	}
	w := worlds.Own(t, options)
	must(t, w.Gateway.Start(within(t, time.Minute)))
	must(t, w.Gateway.Connected(within(t, time.Minute)))
	s := &stage{w: w}
	// One teacher appears as her own Matrix account, which shows the same name.
	var err error
	s.own, err = w.NewPupil(within(t, time.Minute), "annas-own", w.Anna.Name)
	must(t, err)
	must(t, w.Pair(within(t, time.Minute), w.Anna, s.own))
	for _, channel := range w.Further {
		room, err := w.Gateway.Room(within(t, time.Minute), channel.Ref)
		must(t, err)
		for _, pupil := range append(w.Pupils(), s.own) {
			_, err := pupil.Join(within(t, time.Minute), room.String())
			must(t, err)
		}
		s.chats = append(s.chats, check.Chat{Name: strings.TrimPrefix(channel.Ref, team+"/"), Channel: channel.ID, Room: room})
	}
	s.people = []check.Person{
		check.Teacher("anna", w.Anna.Name, w.Anna.MattermostPerson), check.Teacher("beat", w.Beat.Name, w.Beat.MattermostPerson),
		check.Pupil("carla", w.Carla.Name, w.Carla.MatrixPerson), check.Pupil("dario", w.Dario.Name, w.Dario.MatrixPerson),
	}
	s.readers = check.Readers{
		Mattermost: w.Anna.MattermostPerson, Matrix: w.Carla.MatrixPerson,
		Names: map[string]string{w.Anna.ID: w.Anna.Name, w.Beat.ID: w.Beat.Name, w.Bot.ID: "Steg's bot"},
	}
	return s
}

// compare waits until both sides show everything, nothing is pending and nothing
// more can come, and compares them. What does not come in time is a fault.
func (s *stage) compare(t *testing.T, p plan, sent []check.Sent, killed time.Time) check.Report {
	t.Helper()
	ctx := within(t, p.patience)
	if err := s.readers.Await(ctx, s.chats, sent); err != nil {
		t.Error(err)
	}
	if !killed.IsZero() {
		timer := time.NewTimer(time.Until(killed.Add(p.late)))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	// The minute is for what has just shown up by itself.
	ctx = within(t, time.Minute)
	var report check.Report
	err := world.Until(ctx, "both sides to agree", func(ctx context.Context) error {
		mattermost, matrix, err := s.readers.Read(ctx, s.chats)
		if err != nil {
			return err
		}
		if report = check.Compare(sent, mattermost, matrix); report.Err() != nil {
			return report.Err()
		}
		return errors.Join(s.w.Gateway.Connected(ctx), s.w.Gateway.Settled(ctx))
	})
	if err != nil && report.Err() == nil {
		t.Error(err)
	}
	return report
}

// ownPosts checks that the linked teacher has appeared as her own account, and counts
// how often the ghost has spoken for her.
func (s *stage) ownPosts(t *testing.T) {
	t.Helper()
	own, ghost := 0, 0
	for _, chat := range s.chats {
		messages, err := s.readers.Matrix.ReadAll(within(t, time.Minute), chat.Room)
		must(t, err)
		for i := range messages {
			switch messages[i].Sender {
			case s.own.UserID:
				own++
			case s.w.Ghost(s.w.Anna):
				ghost++
			}
		}
	}
	t.Logf("the linked teacher: %d messages as herself, %d as her ghost", own, ghost)
	if own == 0 || ghost > own/10 {
		t.Errorf("%d messages as herself, %d as her ghost", own, ghost)
	}
}

// verify checks Steg's own account.
func (s *stage) verify(t *testing.T) {
	t.Helper()
	ctx := within(t, time.Minute)
	_, err := s.w.Gateway.Do(ctx, "status", "--verify")
	status, statusErr := s.w.Gateway.Status(ctx)
	if err := errors.Join(err, statusErr); err != nil {
		t.Error(err)
	}
	if a := status.Account; a.Dead > 0 || a.Pending > 0 {
		t.Errorf("the account shows what cannot cross or waits: %+v", a)
	}
	t.Logf("account: %+v", status.Account)
	if t.Failed() {
		text, err := s.w.Gateway.Do(ctx, "status")
		t.Logf("steg status:\n%s%v", text, err)
	}
	for what, n := range status.Drops {
		t.Logf("dropped by policy %s: %d", what, n)
	}
}
