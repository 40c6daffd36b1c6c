// Command steg joins the messengers of schools to Matrix.
//
// One process serves one homeserver and any number of networks. "steg init"
// writes a configuration, "steg check" says what is still missing, "steg run"
// serves; the other commands work beside a running process, through its
// database. "steg help" lists them.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage.
package main
