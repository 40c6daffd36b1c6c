package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const logWarn = slog.LevelWarn

// The errors that callers tell apart. [ErrNoRow] is another.
var (
	// ErrExists says that a row with the same key is there already.
	ErrExists = errors.New("exists already")
	// ErrOtherSchool says that a room already belongs to another school.
	ErrOtherSchool = errors.New("the room belongs to another school")
	// ErrDiskFull says that nothing can be stored now. Nothing is lost: sources
	// send again, lanes try again, and all goes on once there is space.
	ErrDiskFull = errors.New("the disk of the database is full: free some space, Steg then goes on by itself")
	// ErrAway says that the database cannot be reached or is locked for long; the
	// same call may succeed later.
	ErrAway = errors.New("the database is away")
	// ErrAbsent, ErrEmpty and ErrOlder say, when [Options.Existing] is set, that the
	// next start of the serving process will make or upgrade the database.
	ErrAbsent = errors.New("does not exist")
	ErrEmpty  = errors.New("this database is empty: start steg run once, or correct its address")
	ErrOlder  = errors.New("this database is from an older steg")
)

// Temporary tells whether the same call may succeed later without a change.
func Temporary(err error) bool {
	return errors.Is(err, ErrDiskFull) || errors.Is(err, ErrAway)
}

// wrap names the operation and sorts the error. Driver texts hold no values of
// ours: details such as the offending row are left out.
func wrap(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%s: %w", op, ErrNoRow)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: %w", op, ErrAway, err)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return fmt.Errorf("%s: %w", op, sqliteFault(e))
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("%s: %w", op, postgresFault(e))
	}
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "unexpected EOF") || isConnect(err) {
		return fmt.Errorf("%s: %w: %w", op, ErrAway, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

func isConnect(err error) bool {
	_, ok := errors.AsType[*pgconn.ConnectError](err)
	return ok
}

func sqliteFault(e *sqlite.Error) error {
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", ErrDiskFull, e)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM:
		return fmt.Errorf("%w: %w", ErrAway, e)
	case sqlite3.SQLITE_CONSTRAINT:
		if c := e.Code(); c == sqlite3.SQLITE_CONSTRAINT_UNIQUE || c == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
			return ErrExists
		}
	}
	return e
}

// PostgreSQL error codes: documentation, appendix A.
func postgresFault(e *pgconn.PgError) error {
	short := fmt.Errorf("%s (SQLSTATE %s)", e.Message, e.Code)
	switch {
	case e.Code == "23505":
		return ErrExists
	case e.Code == "53100":
		return fmt.Errorf("%w: SQLSTATE %s", ErrDiskFull, e.Code)
	case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "57P"),
		strings.HasPrefix(e.Code, "40"), strings.HasPrefix(e.Code, "58"),
		e.Code == "57014", e.Code == "55000", e.Code == "55P03", e.Code == "25006":
		return fmt.Errorf("%w: %w", ErrAway, short)
	}
	return short
}

func pgCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// deadlocked says that PostgreSQL undid a transaction so that another could go on.
func deadlocked(err error) bool {
	code := pgCode(err)
	return code == "40P01" || code == "40001"
}

// clean makes a text storable everywhere: PostgreSQL refuses NUL and invalid
// UTF-8, and one such value would hold up everything that is committed with it.
func clean[T ~string](v T) string {
	return strings.ReplaceAll(strings.ToValidUTF8(string(v), "\uFFFD"), "\x00", "\uFFFD")
}
