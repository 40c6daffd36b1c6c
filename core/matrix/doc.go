// Package matrix is the only package that talks to the homeserver: it sends what
// the engine asks for, and takes in what the homeserver tells.
//
// # What comes in
//
//  1. The homeserver pushes transactions to [Service.Handler]. Events go to
//     [Inbox.Accept] as they are; the answer 200 is given after Accept returned
//     nil, which is after its commit. Transaction IDs are not looked at: some
//     homeservers send the same one again with more events. The inbox drops
//     repeats by event ID.
//  2. The bot's own narrow /sync brings what some homeservers never push
//     (redactions, invites from other servers, typing). Its position is
//     committed together with its events.
//
// Both may bring the same event, and events may come late.
//
// # What goes out
//
// Every method is one attempt: it does not retry, and says by its error whether
// the engine should (see errors.go). A definite refusal (403) may be followed by
// the registration, invite or join that was missing, and one more try. Requests
// carry the appservice's token and name the ghost they speak for. As people's own
// accounts they speak only with the token of a second registration, if there is one
// (puppet.go); nobody is brought anywhere for that.
//
// The homeserver's transaction IDs are no durable keys: they are forgotten on
// restart and shared between all ghosts. Every event therefore carries a marker
// ([intent.MarkerKey]); after an uncertain outcome [Service.Find] looks for it. When
// finding nothing can be believed is in trust.go: Dendrite may show what it took
// before a crash minutes later (witness.go, stir.go).
//
// mautrix supplies the data types. Requests are made here, not by its client,
// because that one retries, sleeps on rate limits and logs by itself.
//
// Protocol facts: Matrix client-server API and application service API v1.16.
package matrix
