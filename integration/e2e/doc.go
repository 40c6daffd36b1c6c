// Package e2e tests the built program between real servers, from outside: people
// on both sides, the command line, the bot, and bad days. The same tests run on
// Dendrite and on Synapse; without STEG_LONG=1 only the core cases run on
// Synapse.
//
// Tests that break nothing share a world per homeserver and make channels of
// their own; the others have their own world.
package e2e
