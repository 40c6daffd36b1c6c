// Package bridgetest is the conformance suite that every bridge runs, unchanged
// against its fake and against its real server.
package bridgetest
