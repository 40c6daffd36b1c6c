// Package engine joins Matrix rooms to the chats of networks.
//
// # Network to Matrix
//
//  1. A client's Run hands events to [Engine]'s sink; they are accepted into the
//     inbound lane of their chat's portal, with the cursor, in one commit.
//  2. The lane's step drops what the mode forbids and holds what the guard
//     forbids, makes sure that room, ghost, membership and profile are there,
//     resolves the reply or thread through the message map, and sends as the
//     ghost with a marker. After an uncertain attempt it looks for the marker
//     first.
//  3. The message map row and the end of the item are one commit.
//
// A message with files becomes parts: text and one file are one event with a
// caption, otherwise the text comes first and each file after it. Every part has a
// marker and a row of its own (parts.go). Files are copied as streams, by their
// first bytes shown as pictures, sound or video, or as a name to click on; a notice
// stands for what cannot cross. There are no thumbnails: homeservers make them when
// asked. A blurhash is made of the network's own tiny preview, if it tells one; the
// files themselves are never decoded or opened.
//
// # Matrix to network
//
//  1. Events of a transaction or of the bot's /sync are accepted into the
//     outbound lane of every portal of their room that they did not come from.
//     Events of ghosts go only to the other portals of a hub room; the marker
//     tells where they came from.
//  2. The lane's step applies mode and guard, resolves reply, thread, edit and
//     removal targets, and calls the client with a key made from the event ID.
//  3. As above.
//
// A file is read from the homeserver while it is written to the network. One that
// can never cross leaves a line with its name, and its sender is told.
//
// Whom a text mentions the bridge says by links of its own, which become those of
// ghosts and rooms (link.go). Everybody is alerted only by who may do so on both
// sides: on the network, as the bridge says, and by power level in the room, which
// homeservers do not check (alert.go). A name that somebody else in the room has is
// shown on the network with the Matrix ID beside it (namesake.go).
//
// Reactions cross as states: a bridge tells which there are, and the lane's step
// makes the ghosts' reactions so; the table of reactions tells what has crossed.
//
// What can never cross becomes a dead letter, and its sender is told once, by a
// notice that is itself an item of the control lane.
//
// # Who speaks
//
// On most networks one account speaks for all Matrix people. Where they have accounts
// of their own (puppets), the step asks for the sender's before it sends; the message
// map remembers which account spoke, since only that one can change what it said. What
// a puppet does is not heard a second time: it is known by its row (puppet.go). Direct
// chats are portals that a puppet reads (direct.go).
// # People's own accounts
//
// A person may link an account on a network to their own Matrix account: they prove
// both, and an administrator of the school approves (core/command). In that school's
// portals, as far as the account is in the room and may write there, what the person
// writes on the network is sent as it (double.go), and its ghost leaves. Nobody is
// brought into a room, or changed in any other way. Such an event comes back as if the
// person had written it: the inbound item that its marker names tells whether it is
// ours, still being made, or a copy that must cross (double_echo.go).
//
// # Around the lanes
//
// Who joins and leaves a chat is compared with its room by few workers per login,
// so slowly that messages do not notice (roster_run.go); a hint in a lane only notes
// that there is something to compare. What a room shows by itself need not be stored:
// who has joined, and whom a moderator has removed.
//
// Typing, pins, read marks and presence never touch the queue: typing is worth nothing
// a moment later (typing.go), pins are a state that is compared whenever somebody says
// that it has changed (pins.go). Where a school wants it, the bot marks as read what
// has reached the network (readmarks.go), and Matrix shows who of the network's people
// is there (presence.go).
//
// A team is a Matrix space with the rooms that we made for its public chats; whoever
// may not enter the team by themselves may not join its rooms either (spaces.go).
//
// A tombstone lets the portals of its room rest until the new room has proved that it
// follows the old one (upgrade.go).
//
// A supervisor per login runs the client and reconnects it. The reconciler makes
// portals from the configuration, follows changes that commands wrote into the
// database, creates rooms and applies power levels. The control lane holds what
// is said to the bot itself: invitations and commands.
//
// The engine sees the homeserver through [Homeserver], the queue through
// [Queue], and knows no network.
package engine
