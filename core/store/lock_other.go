//go:build !unix

package store

import (
	"context"
	"errors"
	"time"
)

type fileLock struct{}

func lockFile(context.Context, string, time.Time) (*fileLock, error) {
	return nil, errors.New("SQLite needs a Unix system here, to keep a second steg away: use PostgreSQL")
}

func (*fileLock) release() {}
