// Package mattermost bridges channels of a Mattermost server.
//
// One bot account reads and writes all channels. What people on Matrix say is
// posted by the bot under their name and picture (the override props of
// incoming webhooks); where the server's switches for that are off, the name
// stands in the text.
//
// With identity: bots each Matrix person has a bot account (a puppet), made with a
// system administrator's token that is used for nothing else: then people here can
// mention them, see who reacts, and write to them directly. An account is known by its
// description, which names the Matrix ID, and by who made it; its token is kept sealed
// under the administrator's (puppet.go, seal.go). Never real accounts: a server without
// a licence takes 250. Each puppet listens on a connection of its own, where a school
// allows direct chats: the server tells only those who are in one (direct.go).
//
// # How it keeps the promise
//
// Sending: every post carries its key in props.steg_key. After an unclear end
// the channel is read back page by page for that key before anything is sent
// again; pending_post_id, which the server remembers for 30 seconds, is a second
// belt only.
//
// Receiving: the WebSocket is a hint that is fast, REST is the truth. Every new
// connection sweeps each followed channel from its cursor; what arrives live
// meanwhile waits, and a cursor moves on a live event only after the sweep of
// its channel has ended. See sweep.go for what a server's answers hide, and
// feed.go for who may deliver when.
//
// Reactions: what is pushed is a hint, too; the present state is read (see
// reactionfeed.go). The bot holds each emoji once, for all Matrix people. Of the
// server's names for an emoji the shortest is used ("+1" for 👍).
//
// Pins are read when a post has changed in another way than by its text.
//
// Members: the list of a channel's active accounts is the truth. The server's
// notices (somebody has joined, was added, was removed) are hints, live and in a
// sweep; what leaves no notice, as leaving the team, changes the number of members,
// which the core asks for at each connection and every hour. See members.go.
//
// Teams are spaces. A team that is archived closes its channels; the server itself
// lets people write in them all the same. See team.go.
//
// Typing is passed on and shown as the bot's, at most every three seconds in a
// channel.
//
// Markup: convert_*.go turn the server's dialect into Matrix HTML and back, with the
// files in testdata/convert as the list of what becomes what. Nothing that a person
// writes becomes a mention by it: whom a text mentions is looked up, and what only
// looks like a mention gets a zero-width space.
//
// Mentions: @username is a person's, ~channel a channel's that the server itself has
// named in the post. @channel, @all and @here alert everybody only when a person
// wrote them who is an admin of the channel, its team or the server, which is asked
// for then and remembered for a minute (office.go); @room from Matrix becomes
// @channel when the core says that its writer may. A post's props can only take such
// rights away: anybody may set them.
// Presence is asked for, as the server pushes it to nobody but the person. That of
// Matrix people cannot be shown: bots have no status.
//
// Files: uploaded one by one as they come from the homeserver, before the post
// that uses them; what no post uses is seen by nobody, so a repeat may upload
// again. The key is looked for first. A file is refused by its length before it is
// read, and a transfer ends only when nothing moves. Its type is told by its name.
//
// Limits: one level of threads; 16383 characters in a post; a root that is
// deleted takes its replies along; no read receipts of others. Everything that
// is said here of a server was measured with version 11.4 (Team Edition).
//
// API documentation: https://developers.mattermost.com/api-documentation/
package mattermost
