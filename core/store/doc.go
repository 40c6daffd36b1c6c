// Package store is all SQL of Steg: one file per table, SQLite and PostgreSQL
// with the same query texts.
//
// # What it promises
//
//   - What a method returned nil for is on disk: SQLite runs in WAL mode with
//     synchronous=FULL on every connection, PostgreSQL with synchronous_commit on.
//   - [Store.Commit] is one transaction: entries that were accepted, items that
//     ended with their message map rows, cursors, and the counters of the lanes.
//     After an error either all of it is stored or nothing; a repeat is harmless.
//   - received = delivered + dropped + dead + pending, for each lane, at any
//     moment that another connection can see.
//   - Content leaves the file when it was delivered (SQLite: secure_delete, and
//     [Store.Tidy] empties the write-ahead log; PostgreSQL: at the next vacuum).
//
// # Lanes and processes
//
// A lane has an owner only while something is pending in it. Whoever accepts
// into an idle lane becomes its owner if it may; other waiting lanes are taken
// with [Instance.Claim]. Completions count only while the owner is still the
// owner. The lane's row is always locked before its items are touched, because
// numbers given out are not numbers committed.
package store
