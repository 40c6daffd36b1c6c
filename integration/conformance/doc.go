// Package conformance runs the suite of core/bridge/bridgetest, unchanged, on the
// real servers of the networks. It takes minutes, so it runs only with
// STEG_LONG=1 (make integration); beside each bridge the same suite runs on its
// fake server, always.
package conformance
