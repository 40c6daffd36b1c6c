package bridgetest

import (
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
)

// Remote lets a case be a person and an operator on the bridge's network, and
// break things. The driver of a fake server and the driver of the real one
// implement it alike. A method that cannot do what it is asked fails tb itself
// (tb.Helper, tb.Fatalf) and may use tb.Context; it returns when the network has
// accepted the act. All methods may be called from several goroutines.
type Remote interface {
	RemoteFiles
	RemoteMentions

	// NewUser makes a person with this display name. Drivers make the account
	// name unique by themselves; the display name is as given.
	NewUser(tb testing.TB, name string) bridge.UserID
	// NewChat makes a chat and returns the network's ID and the operator's
	// reference, as [bridge.Resolver] takes it. The login is not in it. All chats
	// of one Env share all segments of the reference but the last.
	NewChat(tb testing.TB, private bool) (chat bridge.ChatID, ref string)
	// Admit lets the login into a private chat, as the chat's owner would.
	Admit(tb testing.TB, chat bridge.ChatID)
	// RenameUser changes a person's display name.
	RenameUser(tb testing.TB, user bridge.UserID, name string)
	// SetAvatar gives a person a picture (a PNG).
	SetAvatar(tb testing.TB, user bridge.UserID, png []byte)
	// RenameChat changes a chat's display name; the ID and the ref stay.
	RenameChat(tb testing.TB, chat bridge.ChatID, name string)
	// SetTopic changes a chat's topic.
	SetTopic(tb testing.TB, chat bridge.ChatID, topic string)
	// Archive closes a chat: nobody can write to it any more.
	Archive(tb testing.TB, chat bridge.ChatID)

	// Post writes text, in the network's own markup, as user, who is let into the
	// chat when need be. It returns "" when the network refuses this very text.
	Post(tb testing.TB, user bridge.UserID, chat bridge.ChatID, text string) bridge.MessageID
	// Reply writes into the thread of root. Only called when the bridge declares
	// threads.
	Reply(tb testing.TB, user bridge.UserID, chat bridge.ChatID, root bridge.MessageID, text string) bridge.MessageID
	// Edit replaces the text of user's own message.
	Edit(tb testing.TB, user bridge.UserID, chat bridge.ChatID, id bridge.MessageID, text string)
	// Enter lets a person into a chat, and Exit takes them out, by a moderator's hand.
	// Only called, as the next two, when the bridge lists members.
	Enter(tb testing.TB, user bridge.UserID, chat bridge.ChatID)
	Exit(tb testing.TB, user bridge.UserID, chat bridge.ChatID)
	// Crowd makes many accounts, if need be programs', and lets them into a chat.
	Crowd(tb testing.TB, chat bridge.ChatID, count int) []bridge.UserID
	// CloseAccount closes a person's account as an operator does when they leave.
	CloseAccount(tb testing.TB, user bridge.UserID)
	// Type lets a person begin to write in a chat, whom it lets in when need be. Only
	// called when the bridge declares typing.
	Type(tb testing.TB, user bridge.UserID, chat bridge.ChatID)
	// SeesTyping tells whether user was shown, since the first call for them, that
	// the login is about to write in the chat.
	SeesTyping(tb testing.TB, user bridge.UserID, chat bridge.ChatID) bool
	// Confided lists what the login has told a person in private, oldest first. Only
	// called when the bridge declares that it can.
	Confided(tb testing.TB, user bridge.UserID) []string
	// Delete removes user's own message; on some networks its replies go with it.
	Delete(tb testing.TB, user bridge.UserID, chat bridge.ChatID, id bridge.MessageID)
	// Messages lists what people see in the chat: complete, oldest first, without
	// what was deleted and without the network's own notices ("Kim joined").
	Messages(tb testing.TB, chat bridge.ChatID) []RemoteMessage

	// BoldText is text as one types it to be bold; "" when the network has no
	// markup.
	BoldText(text string) string

	// Can tells whether the driver can do this fault. Cases that need one that it
	// cannot do are skipped with a loud reason.
	Can(f Fault) bool
	// FailNext makes the next n calls of the login fail with f; each call of it
	// replaces the one before, n = 0 ends it. The calls that count are those that
	// read or change chats, people and messages, one HTTP request or the like
	// each, including the connecting of Run. Questions about the server's own
	// health that do not depend on the login are answered truthfully and not
	// counted. For [FaultAnswerLost] only calls that create or change a message
	// count.
	FailNext(tb testing.TB, n int, f Fault)
	// Cut breaks all open connections of the login without a goodbye. New ones
	// are accepted at once. Needs [FaultCut].
	Cut(tb testing.TB)
	// DuplicatePushes switches pushing every live event twice. Needs
	// [FaultDuplicate].
	DuplicatePushes(tb testing.TB, on bool)
	// ReorderPushes switches pushing live events in the wrong order: each is held
	// back until the next one has been pushed. It never holds the last one back
	// for longer than a moment. Needs [FaultReorder].
	ReorderPushes(tb testing.TB, on bool)
	// EchoFirst switches holding back the answer to a send until its push has been
	// written to the login's connection. Needs [FaultEchoFirst].
	EchoFirst(tb testing.TB, on bool)
	// Revoke ends the login for good, as an operator would. Needs [FaultRevoke].
	Revoke(tb testing.TB)
}

// RemoteMessage is a message as people on the network see it.
type RemoteMessage struct {
	ID     bridge.MessageID
	User   bridge.UserID    // the account that wrote it
	Author string           // the name that people see beside it
	Text   string           // in the network's markup; the author's name may precede it
	Root   bridge.MessageID // the root of its thread, "" when it is none's reply
	Edited bool             // shown as edited
	FromUs bool             // written by the login under test
	Alarm  bool             // the network would alarm everybody in the chat
	Time   time.Time
	Files  []RemoteFile // in the order that people see
}

// Fault is something that goes wrong on request.
type Fault string

// The faults of [Remote.FailNext].
const (
	// FaultUnauthorized: the network says that the token is not valid (401).
	FaultUnauthorized Fault = "unauthorized"
	// FaultForbidden: the network says that the login may not (403).
	FaultForbidden Fault = "forbidden"
	// FaultNotFound: the network says that the thing does not exist (404).
	FaultNotFound Fault = "not-found"
	// FaultRateLimited: too many requests (429), try again after [RetryAfter].
	FaultRateLimited Fault = "rate-limited"
	// FaultServer: the server has an internal error (5xx). Nothing was executed.
	FaultServer Fault = "server-error"
	// FaultTimeout: nothing is executed and no answer comes until the caller gives
	// up.
	FaultTimeout Fault = "timeout"
	// FaultAnswerLost: the call is executed, then the connection breaks before
	// the answer.
	FaultAnswerLost Fault = "answer-lost"
)

// The faults with a method of their own.
const (
	FaultCut       Fault = "cut"
	FaultDuplicate Fault = "duplicate-pushes"
	FaultReorder   Fault = "reorder-pushes"
	FaultEchoFirst Fault = "echo-first"
	FaultRevoke    Fault = "revoke"
)

// RetryAfter is what a driver tells the bridge to wait in [FaultRateLimited].
const RetryAfter = 7 * time.Second
