package store

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

var errStub = errors.New("not built yet")

// Options says which database to open.
type Options struct {
	DSN      string // "sqlite:path" or "postgres://…"
	Now      func() time.Time
	Log      *slog.Logger
	Existing bool // neither create nor migrate: for commands beside a running process
}

// Errors.
var (
	ErrExists      = errors.New("exists already")
	ErrOtherSchool = errors.New("the room belongs to another school")
	ErrDiskFull    = errors.New("the disk of the database is full: free some space; steg goes on by itself")
)

type Store struct{}
type Instance struct{}

func Open(ctx context.Context, o Options) (*Store, error) { return nil, errStub }
func (s *Store) Close() error                             { return errStub }
func (s *Store) AcquireInstance(ctx context.Context) (*Instance, error) {
	return nil, errStub
}
func (i *Instance) Release(ctx context.Context) error { return errStub }
func (i *Instance) OwnLogin(ctx context.Context, br bridge.ID) (bool, error) {
	return false, errStub
}
func (i *Instance) ReleaseLogin(ctx context.Context, br bridge.ID) error { return errStub }

func (s *Store) InsertPortal(ctx context.Context, p *Portal) error { return errStub }
func (s *Store) UpdatePortal(ctx context.Context, portal int64, change func(*Portal) error) error {
	return errStub
}
func (s *Store) Portal(ctx context.Context, portal int64) (Portal, error) {
	return Portal{}, errStub
}
func (s *Store) Portals(ctx context.Context) ([]Portal, error) { return nil, errStub }
func (s *Store) PortalByChat(ctx context.Context, br bridge.ID, chat bridge.ChatID) (Portal, error) {
	return Portal{}, errStub
}
func (s *Store) PortalsByRoom(ctx context.Context, room id.RoomID) ([]Portal, error) {
	return nil, errStub
}
func (s *Store) Revision(ctx context.Context) (int64, error)   { return 0, errStub }
func (s *Store) SyncToken(ctx context.Context) (string, error) { return "", errStub }

func (s *Store) LinkByRemote(ctx context.Context, portal int64, remote bridge.MessageID) (Link, error) {
	return Link{}, errStub
}
func (s *Store) LinkByEvent(ctx context.Context, portal int64, event id.EventID) (Link, error) {
	return Link{}, errStub
}
func (s *Store) LinksByEvent(ctx context.Context, room id.RoomID, event id.EventID) ([]Link, error) {
	return nil, errStub
}
func (s *Store) LinksInThread(ctx context.Context, portal int64, root bridge.MessageID) ([]Link, error) {
	return nil, errStub
}
func (s *Store) Mapped(ctx context.Context, portal int64, since time.Time) ([]bridge.MessageID, error) {
	return nil, errStub
}
func (s *Store) DeleteOldLinks(ctx context.Context, before time.Time) (int64, error) {
	return 0, errStub
}

func (s *Store) Ghost(ctx context.Context, school bridge.SchoolID, br bridge.ID, user bridge.UserID) (Ghost, error) {
	return Ghost{}, errStub
}
func (s *Store) GhostByMXID(ctx context.Context, mxid id.UserID) (Ghost, error) {
	return Ghost{}, errStub
}
func (s *Store) SaveGhost(ctx context.Context, g Ghost) error { return errStub }

func (s *Store) Members(ctx context.Context, room id.RoomID) ([]Member, error) { return nil, errStub }
func (s *Store) SetMembers(ctx context.Context, school bridge.SchoolID, room id.RoomID, ms []Member) error {
	return errStub
}
func (s *Store) SetMember(ctx context.Context, m Member) error { return errStub }
func (s *Store) MembersKnown(ctx context.Context, room id.RoomID) (bool, error) {
	return false, errStub
}

func (s *Store) SaveLogin(ctx context.Context, l LoginState) error { return errStub }
func (s *Store) Logins(ctx context.Context) ([]LoginState, error)  { return nil, errStub }

// Value returns "" and ErrNoRow when not set.
func (s *Store) Value(ctx context.Context, school bridge.SchoolID, br bridge.ID, key string) (string, error) {
	return "", errStub
}
func (s *Store) SetValue(ctx context.Context, school bridge.SchoolID, br bridge.ID, key, value string) error {
	return errStub
}

func (s *Store) Lanes(ctx context.Context) ([]LaneState, error) { return nil, errStub }
func (s *Store) LanesOf(ctx context.Context, portal int64) ([]LaneState, error) {
	return nil, errStub
}
func (s *Store) Account(ctx context.Context) (Account, error) { return Account{}, errStub }

// VerifyAccount returns a line for each lane whose counters disagree.
func (s *Store) VerifyAccount(ctx context.Context) ([]string, error) { return nil, errStub }
func (s *Store) DeadLetters(ctx context.Context, limit int) ([]DeadLetter, error) {
	return nil, errStub
}
func (s *Store) DeadLetter(ctx context.Context, number int64) (DeadLetter, error) {
	return DeadLetter{}, errStub
}

// Replay and Discard also work from another process than the running one.
func (s *Store) Replay(ctx context.Context, number int64) error              { return errStub }
func (s *Store) Discard(ctx context.Context, number int64, who string) error { return errStub }
func (s *Store) Audit(ctx context.Context, school bridge.SchoolID, who, what string) error {
	return errStub
}
func (s *Store) Drops(ctx context.Context) (map[string]int64, error) { return nil, errStub }
