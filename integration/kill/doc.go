// Package kill breaks everything while people write: it kills Steg, the homeserver
// and Mattermost with SIGKILL at random moments, and cuts the connections between
// them. Afterwards nothing may be lost, doubled or in another order; package check
// counts.
//
// By default the runs are short. STEG_LONG=1 makes them long, and STEG_SEED sets
// the random numbers that decide who writes when and what breaks when. The same
// seed makes the same plan, not the same run: the servers have their own mind.
package kill
