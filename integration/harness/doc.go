// Package harness starts real servers for tests and for the demonstration:
// Dendrite, Synapse, Mattermost and PostgreSQL, each in a folder of its own and
// on a free port of the loopback interface, and it breaks them on demand.
//
// Programs. Dendrite and Mattermost are built from the modules in
// integration/servers, Synapse is installed from the pins there, and all three
// are kept in a cache outside the repository (see [CacheDir]). [Install] fills
// the cache; the Start functions only use it and return a [MissingError], which
// names the remedy, when something is not there. PostgreSQL comes from the
// system.
//
// Processes. Every server embeds a [Proc]: Stop, Kill and Start again on the
// same data and port, Freeze and Thaw. A server dies with the process that
// started it, even when that process is killed.
//
// People. [MatrixPerson] and [MattermostPerson] use the client APIs as an app
// would; their ReadAll returns every message of a room in the server's order,
// which is what a count of lost, doubled and reordered messages needs.
//
// Network faults. A [Proxy] between two peers cuts, refuses, stalls, slows, or
// loses the answers.
//
// The package knows nothing of package testing, because the demonstration uses
// it too. Tests find skip rules and cleanup in harnesstest.
package harness
