// Package mattermosttest is a small true Mattermost: a server that speaks the
// calls of the HTTP API v4 and the WebSocket that the bridge uses, with the
// quirks that were measured on a real one, and with switches to break it.
//
// What it imitates, since a bridge can stumble over it:
//
//   - since answers hold every row changed strictly later, history rows and
//     deletions too; a reply moves its root; answers are cut at 1000 rows of no
//     order; the server remembers the largest change that it has returned and
//     answers nothing to who asks from there on;
//   - pending_post_id is remembered for 30 seconds, by all users together;
//   - the posted event overtakes the answer;
//   - a file belongs to one post of who uploaded it; a foreign, used or unknown one
//     is left out of a post without a word; a post's file IDs are sorted, people see
//     the files in the order of their upload;
//   - deleting a root deletes its replies, and pushes one event for the root;
//   - 403 for everything that is unknown or closed, and 401 and 403 to the best
//     tokens while the database is away;
//   - a socket whose token was revoked stays open and hears nothing;
//   - a broken connection can be resumed while its queue of 256 lasts.
package mattermosttest
