// Package command is what people tell Steg to do while it runs: link a chat to a
// room, unlink it, change its mode, look at the state, and decide about dead
// letters. The same [Operator] serves the command line, where the caller stands
// for the configuration, and the bot's management room, where [Operator.Execute]
// reads a line of text.
//
// Everything works through the database: a running process notices changed
// portals by their revision, so that the command line needs no connection to it.
//
// Who may do what:
//
//   - the operator at the command line may do everything that the configuration
//     does not fix;
//   - a school's admins may do it for their school, and see nothing of another;
//     they link chats only on networks that no other school uses, because one
//     bot account sees the chats of all;
//   - to link an existing room a person also needs power there (level 50);
//   - a person may link their own account on a network to their own Matrix account,
//     with a code that the network account is told in private; it has an effect only
//     when an admin of the school has approved it (identity.go). Who asks learns
//     neither who exists on the network nor which schools there are;
//   - everybody else gets a polite refusal.
//
// Each change is noted in the audit with who made it.
package command
