// Package bridgefake is the reference bridge: a tiny messenger that lives in
// memory, and the bridge to it. It passes the whole of bridgetest, so it shows
// what the contract of package bridge means, and it stands in for a network in
// the engine's tests.
//
// [Network] is the messenger. Tests are its people and its operator: they make
// chats, post, edit, delete, archive, and break things ([Network.FailNext],
// [Network.Cut], [Network.SetDown] …). [New] makes the bridge to it.
//
// Each chat keeps a log of changes, numbered from 1; the number of a change is
// the cursor. Live pushes carry the number too, so the client sees a gap or a
// repeat at once and reads the log instead of guessing.
//
// Nothing here opens sockets or starts goroutines, and time and latency come
// from [Options], so everything works inside testing/synctest bubbles.
//
// The network's markup: **bold**, <@id> mentions a person, <!all> everybody.
package bridgefake
