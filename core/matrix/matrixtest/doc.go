// Package matrixtest is a small homeserver for tests. It speaks the parts of the
// client-server API that Steg uses, over HTTP and with their real meaning,
// pushes transactions to an application service, and misbehaves on request:
// answers lost after the work was done, broken connections, 429, 5xx, hanging,
// transactions repeated, grown, reordered or oversized.
//
// Two homeservers differ where it hurts; a [Dialect] chooses:
//
//   - [Dendrite] does not push redactions, lets a transaction grow under the
//     same ID when it is sent again, and answers too large events M_BAD_JSON.
//   - [Synapse] pushes everything, with fixed transactions.
//
// Both share transaction IDs between all users of an application service and
// forget them on [Server.Restart].
//
// [Instant] answers sends without remembering them, for benchmarks.
package matrixtest
