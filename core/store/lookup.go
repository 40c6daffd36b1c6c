package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"
	"time"
)

// lookups answers a question that every message asks. All who ask while one
// statement is under way share the next one, so that a full machine needs few of
// them; who asks alone does not wait. One of those who wait asks for all.
type lookups struct {
	s       *Store
	name    string
	query   string // has the columns of link and then d.n; see byLife
	columns []string

	mu      sync.Mutex
	waiting []*lookup
	asking  bool
}

// lookup is one question: the values of the columns.
type lookup struct {
	values []any
	found  *Link
	err    error
	// done is closed when the answer is there; lead is told when it is this one's
	// turn to ask for all.
	done chan struct{}
	lead chan struct{}
}

var errUnknown = wrap("read message map", sql.ErrNoRows)

// lookupLimit is how long one statement for many may take.
const lookupLimit = 20 * time.Second

// maxLookups bounds the rows of one statement.
const maxLookups = 128

func newLookups(s *Store, name, where string, columns ...string) *lookups {
	read := "SELECT link." + strings.ReplaceAll(linkColumns, ", ", ", link.") + ", d.n FROM @D@ CROSS JOIN "
	where = "link WHERE link.kind = 'message' AND " + where + " " + byLife
	if s.Multi() {
		// Of its own accord PostgreSQL may read all of link and look at d for each row.
		read += "LATERAL (SELECT * FROM " + where + " LIMIT 1) AS link"
	} else {
		read += where // SQLite keeps this order
	}
	return &lookups{s: s, name: name, columns: append([]string{"n:n"}, columns...), query: read}
}

// find returns the oldest living message that fits the values. [ErrNoRow] when none does.
func (l *lookups) find(ctx context.Context, values ...any) (Link, error) {
	q := &lookup{values: values, done: make(chan struct{}), lead: make(chan struct{}, 1)}
	l.mu.Lock()
	l.waiting = append(l.waiting, q)
	if !l.asking {
		l.asking = true
		q.lead <- struct{}{}
	}
	l.mu.Unlock()
	select {
	case <-q.lead:
		l.ask(ctx)
	case <-q.done:
	case <-ctx.Done():
		return Link{}, l.leave(ctx, q)
	}
	<-q.done
	switch {
	case q.err != nil:
		return Link{}, wrap("read message map", q.err)
	case q.found == nil:
		return Link{}, errUnknown // the answer for each new message
	}
	return *q.found, nil
}

// leave gives up waiting. Who has just been told to ask passes that on.
func (l *lookups) leave(ctx context.Context, q *lookup) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = slices.DeleteFunc(l.waiting, func(other *lookup) bool { return other == q })
	select {
	case <-q.lead:
		l.next()
	default:
	}
	return wrap("read message map", ctx.Err())
}

// ask answers all who wait now, and lets one of those who came meanwhile go on.
func (l *lookups) ask(ctx context.Context) {
	l.mu.Lock()
	all := l.waiting[:min(len(l.waiting), maxLookups)]
	l.waiting = append([]*lookup(nil), l.waiting[len(all):]...)
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.next()
	}()
	// One of many must not break it off for all.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupLimit)
	defer cancel()
	err := l.answer(ctx, all)
	for _, q := range all {
		q.err = err
		close(q.done)
	}
}

// next lets the first who waits ask. It needs l.mu held.
func (l *lookups) next() {
	if l.asking = len(l.waiting) > 0; l.asking {
		l.waiting[0].lead <- struct{}{}
	}
}

// answer asks the database for all.
func (l *lookups) answer(ctx context.Context, all []*lookup) error {
	d := l.s.newRows(l.columns...)
	for n, q := range all {
		d.add(append([]any{int64(n)}, q.values...)...)
	}
	return l.s.readRows(ctx, l.name, l.query, d, func(r scanner) error {
		var row linkRow
		var n int
		if err := r.Scan(&row.School, &row.Bridge, &row.Portal, &row.Dir, &row.Key, &row.Kind, &row.Room, &row.Event, &row.Remote,
			&row.Sender, &row.RootEvent, &row.RootRemote, &row.AtMS, &row.Removed, &row.File, &row.Puppet, &n); err != nil {
			return err
		}
		if all[n].found == nil {
			found := row.link()
			all[n].found = &found
		}
		return nil
	})
}
