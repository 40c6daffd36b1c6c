// Package world makes a small school on real servers, for the demonstration, the
// end-to-end tests and the kill tests: a homeserver, a Mattermost with a team,
// teachers and channels, pupils and a school admin on Matrix, and Steg in
// between, configured by "steg init" and started as a process of its own.
//
// [New] makes everything except a running Steg; [Gateway.Start] starts it, and
// its Kill, Freeze and Restart do what a bad day does. Proxies between Steg and
// its peers break connections on demand.
//
// Nothing here sleeps for luck: [Until] waits for a condition and says, when it
// does not come true, what was missing last.
//
// The package knows nothing of package testing; tests find shared servers,
// cleanup and logs in worldtest.
package world
