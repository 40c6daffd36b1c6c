// Package bridge is the contract between Steg's core and its bridges: the
// interfaces, the events, the capabilities, the errors and the IDs. It is a
// leaf: it imports nothing of ours, and of others only Matrix data types.
//
// # For authors of a bridge
//
// A bridge is one folder below bridges/ and one line in bridges/all. It
// implements [Bridge] and [Client], then single powers ([Editor], [Remover],
// [Resolver] …) one by one; the core finds them by assertion, once, and shows
// them in [Capabilities].
//
// A bridge must:
//
//   - call [Sink.Deliver] before it acknowledges anything to its network: what
//     Deliver returned nil for is on disk;
//   - fill every gap after every connect, from the cursors of [Sink.Followed],
//     with overlap (the core drops what it has seen, by [Meta.Key]);
//   - advance a chat's cursor only past events that it has delivered;
//   - make [Client.Send] idempotent by [Outgoing.Key], and when
//     [Outgoing.Uncertain] is set look for that key at the network first;
//   - recognise its own sends coming back and mark them with [Meta.Echo];
//   - mention people and chats by [UserLink] and [ChatLink], never by links to Matrix,
//     set [Message.MentionsAll] only for who may alert everybody by the network's own
//     rules, and make harmless whatever in an [Outgoing] would alert people otherwise;
//   - answer with the errors of this package, from one classify function;
//   - tell one person alone what [Confider] is given;
//   - stream files ([FileOpener], [OutgoingFile]), look for the key before it
//     uploads again, and give up a transfer that stands still ([WithStall]), never
//     one that is merely long.
//
// Where people of Matrix can have accounts of their own on the network, the client of
// the bridge's own login makes them ([Puppeteer]), and Bridge.Open opens each by its
// Secret. Such a client speaks as itself, and tells of direct chats ([Sink.Direct],
// [DirectOpener]); whose messages are whose is then for the core to know.
//
// A bridge may convert its markup with any library, keep connections alive as
// it likes inside [Client.Run], and run several goroutines there, as long as
// Run waits for them.
//
// Common mistakes: a retry loop around Run (the core's supervisor reconnects);
// retries inside Send (the lane retries, in order); taking a 401 for final
// while the network's database is away; moving the cursor on a live event
// while the gap before it is still being read; content, names or tokens in an
// error text (errors are logged and stored).
package bridge
