// Package bridgetest is the conformance suite: what every bridge must show
// before Steg may promise that nothing is lost, doubled or reordered. The same
// cases run against a bridge's fake server and, unchanged, against its real one.
//
// # Using it
//
// A bridge has one test:
//
//	func TestConformance(t *testing.T) {
//		t.Parallel()
//		bridgetest.Run(t, bridgetest.Opts{New: func(tb testing.TB, deps bridge.Deps) bridgetest.Env {
//			server := newFakeServer(tb)
//			return bridgetest.Env{
//				Bridge:  newBridge(tb, server.URL, deps),
//				Login:   bridge.Login{ID: "relay"},
//				Remote:  server.Remote(),
//				Restart: func(tb testing.TB) bridge.Bridge { return newBridge(tb, server.URL, deps) },
//				Secrets: []string{server.Token},
//			}
//		}})
//	}
//
// and the same again, with a driver of the real server, under the integration
// build tag. One case alone: go test -run 'TestConformance/resume/cut'.
//
// New is called once for each case. Cases run at the same time, so each Env has
// a login and chats of its own; a server may be shared. Opts.Settle is the only
// allowance for slowness: nothing in the suite sleeps, it waits for conditions.
//
// # Writing a driver
//
// [Remote] is a person and an operator on the network. Write it against the
// network's own interfaces, with other credentials than the bridge's, so that a
// mistake of the bridge is not repeated in its test. Three points matter most:
//
//   - [Remote.Messages] is the truth that the sink is compared with: complete, in
//     the order people see, in the text they typed.
//   - Faults hit only the login under test, never the driver's own calls.
//   - A real server cannot do every fault. A proxy in front of it can do most;
//     what is left, [Remote.Can] denies, and the cases are skipped and say so.
//
// # What is checked
//
//	lifecycle     Run, its states, its end, and that nothing outlives it
//	inbound       from the network: text, markup, mentions, threads, sender, time
//	outbound      to the network: the same, limits, hostile text
//	idempotence   one key, one message, also when answers are lost
//	echo          own sends are recognised, also before Send has returned
//	order         both ways, also when pushes come twice or in disorder
//	resume        cuts, crashes and failing stores at every step; long absences
//	relations     edits, removals, threads, unknown targets
//	capabilities  what is declared is implemented and behaves
//	errors        each kind of failure gets the class that the core acts on
//	metadata      names, topics, pictures, access, and their changes
//	pins          both ways, live and missed
//	reactions     both ways, live and missed
//	members       the list is complete, changes are hinted at
//	typing        both ways, and never stored
//	keys          the same event has the same key, live and in every catch-up
//	files         both ways: order, content, edits, limits, sources that break
//	puppets       accounts of Matrix people: made once, heard, found, closed
//	directs       chats of few people, as their accounts see them
//	presence      who is there, of some and of many
//	secrets       no content, names or tokens in logs and errors
//
// Beside that, after every case: [Sink.Breaches] is empty; every Run has ended
// within two seconds of its context, with nil and without leaving a goroutine;
// the log, at all levels, and all errors hold neither the words that the cases
// post nor Env.Secrets.
//
// A catch-up need not tell the past as it was: a message that was edited before
// anybody saw it may come as one Message with the last text, and one that was
// removed need not come at all. What counts is the chat as it looks in the end,
// the order of its messages, and that no message comes twice under two keys.
//
// # The sink
//
// [Sink] does with events what the core does, in memory: it commits them
// together with their cursors, drops what it has seen by key, and drops echoes.
// It can fail, crash after a commit, and block. A bridge's own tests may use it.
//
// # Adding a case
//
// A case is a function and a line in the slice of its area's file. It needs a
// mutant in the package's own tests: a bridge that is wrong in just that way. A
// case that cannot fail is refused.
package bridgetest
