// Command bench measures the gateway alone: the real steg binary, as its own
// process, between a homeserver and a Mattermost server that answer at once and
// remember nothing. So the figures are the gateway's share and nothing else,
// although these two peers and the load share the machine's cores with it.
//
// For SQLite and for PostgreSQL, and for both directions, it prints
//
//   - sustained messages per second over all portals, with order checked;
//   - the latency that the gateway adds at 100 messages per second: from taking a
//     message in until its send begins, as its own metrics count it, and all the
//     way from one peer's socket to the other's;
//   - CPU seconds of the gateway per 1,000 messages, and its memory.
//
// Run it with make bench. Nothing here decides whether a build is good: figures
// are read by people, and compared on the same machine.
package main
