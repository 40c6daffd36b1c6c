package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/steg-bridge/steg/migrations"
)

// Lease is how long a silent process keeps its lanes and logins on PostgreSQL.
const Lease = 5 * time.Second

// BeatEvery is how often a process must call [Instance.Beat] on PostgreSQL.
const BeatEvery = time.Second

// farFuture is the beat of the one process on SQLite: the file lock guards it.
const farFuture = int64(1) << 62

// Instance is this process's claim to work on the database.
type Instance struct {
	s    *Store
	id   string
	lock *fileLock // SQLite

	mu   sync.Mutex
	beat time.Time // when the last successful beat began
}

// AcquireInstance registers this process. On SQLite it refuses when another
// process works on the file; on PostgreSQL any number may. [Instance.Release]
// gives everything back.
func (s *Store) AcquireInstance(ctx context.Context) (*Instance, error) {
	i := &Instance{s: s, id: rand.Text()}
	if s.dialect == migrations.SQLite {
		lock, err := lockFile(ctx, s.lockPath(), s.now())
		if err != nil {
			return nil, err
		}
		i.lock = lock
	}
	err := s.inTx(ctx, "register process", func(ctx context.Context, tx *sqlx.Tx) error {
		if s.dialect == migrations.SQLite {
			// We hold the lock, so every other row is of a process that is gone.
			if _, err := exec(ctx, tx, "UPDATE instance SET beat_at = 0"); err != nil {
				return err
			}
		}
		return i.register(ctx, tx)
	})
	if err != nil {
		if i.lock != nil {
			i.lock.release()
		}
		return nil, err
	}
	i.beat = s.now()
	return i, nil
}

func (s *Store) lockPath() string { return s.path + ".lock" }

// clock is the time of day by the database's clock, so that processes on several
// machines agree about leases.
func (s *Store) clock() string {
	if s.dialect == migrations.SQLite {
		return "0"
	}
	return "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint"
}

// aliveSince is a condition's right side: beats after it are of living processes.
func (s *Store) aliveSince() string {
	if s.dialect == migrations.SQLite {
		return "1"
	}
	return fmt.Sprintf("%s - %d", s.clock(), Lease.Milliseconds())
}

func (i *Instance) beatValue() string {
	if i.s.dialect == migrations.SQLite {
		return fmt.Sprint(farFuture)
	}
	return i.s.clock()
}

func (i *Instance) register(ctx context.Context, tx execer) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	_, err = exec(ctx, tx, "INSERT INTO instance (id, process, started_at, beat_at) VALUES (?, ?, ?, "+i.beatValue()+")",
		i.id, fmt.Sprintf("%s pid %d", clean(host), os.Getpid()), i.s.stamp())
	return err
}

// Beat renews the lease. After an error the lease runs on from the last success.
func (i *Instance) Beat(ctx context.Context) error {
	if !i.s.Multi() {
		return nil
	}
	began := i.s.now()
	err := i.s.inTx(ctx, "renew lease", func(ctx context.Context, tx *sqlx.Tx) error {
		n, err := exec(ctx, tx, "UPDATE instance SET beat_at = "+i.beatValue()+" WHERE id = ?", i.id)
		if err != nil || n > 0 {
			return err
		}
		return i.register(ctx, tx) // others cleared us away: we were silent for long
	})
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.beat = began
	return nil
}

// Live says whether the lease certainly has not run out: nobody else may have
// taken our lanes. Always true on SQLite.
func (i *Instance) Live() bool {
	if !i.s.Multi() {
		return true
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.s.now().Sub(i.beat) < Lease
}

// ReleaseLanes gives back the lanes that wait. tried names those whose oldest
// items may have been attempted: whoever takes them next looks before it sends.
func (i *Instance) ReleaseLanes(ctx context.Context, tried []LaneKey) error {
	return i.s.inTx(ctx, "release lanes", func(ctx context.Context, tx *sqlx.Tx) error {
		for _, k := range tried {
			if _, err := exec(ctx, tx, "UPDATE lane SET tried = TRUE WHERE portal = ? AND dir = ? AND bridge = ? AND school = ? AND owner = ?",
				k.Portal, k.Dir, k.Bridge, k.School, i.id); err != nil {
				return err
			}
		}
		_, err := exec(ctx, tx, "UPDATE lane SET owner = '' WHERE busy AND owner = ?", i.id)
		return err
	})
}

// Release unregisters the process and gives back its logins. Lanes that it still
// owns count as tried. The file lock goes even when the database is away.
func (i *Instance) Release(ctx context.Context) error {
	err := i.s.inTx(ctx, "unregister process", func(ctx context.Context, tx *sqlx.Tx) error {
		for _, q := range []string{
			"UPDATE lane SET owner = '', tried = TRUE WHERE busy AND owner = ?",
			"DELETE FROM login_owner WHERE owner = ?",
			"DELETE FROM instance WHERE id = ?",
		} {
			if _, err := exec(ctx, tx, q, i.id); err != nil {
				return err
			}
		}
		return nil
	})
	if i.lock != nil {
		i.lock.release()
	}
	return err
}

// Sweep forgets processes that have been silent for long and own nothing.
func (i *Instance) Sweep(ctx context.Context) error {
	_, err := exec(ctx, i.s.w, `DELETE FROM instance WHERE id <> ? AND beat_at < `+i.s.aliveSince()+`
AND NOT EXISTS (SELECT 1 FROM lane WHERE busy AND owner = instance.id)
AND NOT EXISTS (SELECT 1 FROM login_owner WHERE owner = instance.id)`, i.id)
	return wrap("forget old processes", err)
}

// errNotLive guards what must not be done on a lease that may have run out.
var errNotLive = errors.New("the lease of this process has run out")
