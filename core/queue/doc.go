// Package queue is Steg's durable delivery: lanes of work that are accepted on
// disk, worked off in order, tried again after trouble, and accounted for.
//
//  1. [Queue.Accept] commits entries, cursors and the sync token in one
//     transaction and returns after the commit. An entry whose (lane, key) was
//     ever accepted before is ignored.
//  2. A lane works on one item at a time, strictly in order: the next item
//     starts only after the commit that ended the one before.
//  3. [Handler.Step] does the work and says how it ended. Delivered, dropped and
//     dead items leave the lane in the same transaction that stores their
//     message map rows and moves the lane's counters, so that "sent" and
//     "mapped" are one commit and received = delivered + dropped + dead +
//     pending at any moment.
//  4. A retry keeps the lane waiting, alone: back-off with jitter per lane, from
//     1 s to 2 min. Trouble that concerns a whole login opens its breaker: one
//     lane after the other probes, the rest wait. A lane that fails while others
//     get through fails alone.
//  5. All commits go through one writer that gathers what waits and commits it
//     together (group commit).
//  6. The first item of a lane after a start, and every repeated attempt, is
//     [Attempt.Uncertain]: an earlier attempt may have landed.
//
// On PostgreSQL several processes share the database: each lane has one owner
// at a time, taken over when the owner's lease has run out, and every completion
// is fenced on the owner. On SQLite a second process is refused.
package queue
