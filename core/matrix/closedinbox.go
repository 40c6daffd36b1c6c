package matrix

import (
	"context"
	"encoding/json"
	"errors"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/intent"
)

var errClosed = errors.New("not running, only checking the connection")

// closedInbox takes nothing.
type closedInbox struct{}

var _ Inbox = closedInbox{}

func (closedInbox) Accept(context.Context, []intent.Event, *string) error { return errClosed }

func (closedInbox) Reachable(context.Context) {}

func (closedInbox) SyncToken(context.Context) (string, error) { return "", errClosed }

func (closedInbox) Alias(context.Context, id.RoomAlias) (bool, error) { return false, errClosed }

func (closedInbox) User(context.Context, id.UserID) (bool, error) { return false, errClosed }

func (closedInbox) Ephemeral(context.Context, id.RoomID, string, json.RawMessage) {}
