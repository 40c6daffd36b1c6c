// Command bench measures the gateway alone: the real steg binary, as its own
// process, between a homeserver and a Mattermost server that answer at once. So
// the figures are the gateway's share and nothing else, although these two peers
// and the load share the machine's cores with it.
//
// It prints a table for each scenario, all of them or those named by -only:
//
//   - throughput, for SQLite and for PostgreSQL, and for both directions: sustained
//     messages per second over all portals, with order checked; the latency that
//     the gateway adds at 100 messages per second, from taking a message in until
//     its send begins, as its own metrics count it, and all the way from one peer's
//     socket to the other's; CPU seconds of the gateway per 1,000 messages, and its
//     memory;
//   - backlog: the homeserver is away and people write on in Mattermost. How fast
//     that goes to disk, in how much memory, how long a restart takes with all of it
//     waiting, and how fast it is delivered when the homeserver returns;
//   - idle: many portals and very many known people, and nothing happens: the time
//     of the start, memory and CPU;
//   - failing: the latency of all chats but one while that one fails, against the
//     latency when all is well;
//   - three: throughput and order of three processes on one PostgreSQL database;
//   - files: what one large file costs, each way, in time and memory.
//   - storm: the latency of all chats while fifty people react at once in each of ten.
//   - crowd: the latency of all chats while thousands of people join one of them.
//
// Wherever messages cross, they are counted: one that is lost, doubled or out of
// order makes the command fail. The sizes are flags. Their defaults keep a run
// short; what DESIGN.md promises for large installations is measured with
//
//	go run ./integration/bench -only backlog -backlog 1000000 -database sqlite
//	go run ./integration/bench -only idle -idle-portals 50000 -idle-people 500000 -idle-seconds 70
//
// Run it with make bench. Whether a figure is good enough nothing here decides:
// figures are read by people, and compared on the same machine.
package main
