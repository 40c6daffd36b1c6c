package bridgefake

import (
	"strings"
	"testing"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// Remote drives a [Network] for the conformance suite.
type Remote struct {
	net   *Network
	login bridge.LoginID
}

var _ bridgetest.Remote = (*Remote)(nil)

// NewRemote makes the driver of n whose faults hit login.
func NewRemote(n *Network, login bridge.LoginID) *Remote { return &Remote{net: n, login: login} }

// NewUser implements [bridgetest.Remote].
func (r *Remote) NewUser(_ testing.TB, name string) bridge.UserID { return r.net.NewUser(name) }

// NewChat implements [bridgetest.Remote].
func (r *Remote) NewChat(_ testing.TB, private bool) (bridge.ChatID, string) {
	r.net.mu.Lock()
	ref := "fake/" + r.net.newID("chat")
	r.net.mu.Unlock()
	return r.net.NewChat(ref, private), ref
}

// Admit implements [bridgetest.Remote].
func (r *Remote) Admit(_ testing.TB, chat bridge.ChatID) { r.net.Admit(chat, r.login) }

// RenameUser implements [bridgetest.Remote].
func (r *Remote) RenameUser(_ testing.TB, user bridge.UserID, name string) {
	r.net.RenameUser(user, name)
}

// SetAvatar implements [bridgetest.Remote].
func (r *Remote) SetAvatar(_ testing.TB, user bridge.UserID, png []byte) {
	r.net.SetAvatar(user, png)
}

// RenameChat implements [bridgetest.Remote].
func (r *Remote) RenameChat(_ testing.TB, chat bridge.ChatID, name string) {
	r.net.RenameChat(chat, name)
}

// SetTopic implements [bridgetest.Remote].
func (r *Remote) SetTopic(_ testing.TB, chat bridge.ChatID, topic string) {
	r.net.SetTopic(chat, topic)
}

// Archive implements [bridgetest.Remote].
func (r *Remote) Archive(_ testing.TB, chat bridge.ChatID) { r.net.Archive(chat) }

// Post implements [bridgetest.Remote].
func (r *Remote) Post(tb testing.TB, user bridge.UserID, chat bridge.ChatID, text string) bridge.MessageID {
	tb.Helper()
	return r.Reply(tb, user, chat, "", text)
}

// Reply implements [bridgetest.Remote].
func (r *Remote) Reply(tb testing.TB, user bridge.UserID, chat bridge.ChatID, root bridge.MessageID, text string) bridge.MessageID {
	tb.Helper()
	id := r.net.Reply(user, chat, root, text)
	if id == "" {
		tb.Fatalf("the network refuses a message by %s in %s", user, chat)
	}
	return id
}

// Edit implements [bridgetest.Remote].
func (r *Remote) Edit(_ testing.TB, user bridge.UserID, chat bridge.ChatID, id bridge.MessageID, text string) {
	r.net.Edit(user, chat, id, text)
}

// Delete implements [bridgetest.Remote].
func (r *Remote) Delete(_ testing.TB, user bridge.UserID, chat bridge.ChatID, id bridge.MessageID) {
	r.net.Delete(user, chat, id)
}

// Messages implements [bridgetest.Remote].
func (r *Remote) Messages(_ testing.TB, chat bridge.ChatID) []bridgetest.RemoteMessage {
	var out []bridgetest.RemoteMessage
	for _, m := range r.net.Messages(chat) {
		out = append(out, bridgetest.RemoteMessage{
			ID: m.ID, User: m.User, Author: m.Author, Text: m.Text, Root: m.Root, Edited: m.Edited,
			Files: remoteFiles(m.Files), FromUs: m.Login == r.login, Alarm: strings.Contains(m.Text, everyone), Time: m.Time,
		})
	}
	return out
}

func remoteFiles(files []File) []bridgetest.RemoteFile {
	var out []bridgetest.RemoteFile
	for _, f := range files {
		out = append(out, bridgetest.RemoteFile{Name: f.Name, Data: f.Data})
	}
	return out
}

// PostFiles implements [bridgetest.Remote].
func (r *Remote) PostFiles(_ testing.TB, user bridge.UserID, chat bridge.ChatID, text string, files ...bridgetest.RemoteFile) bridge.MessageID {
	var own []File
	for _, f := range files {
		own = append(own, File{Name: f.Name, Data: f.Data})
	}
	return r.net.PostFiles(user, chat, text, own...)
}

// KeepFiles implements [bridgetest.Remote].
func (r *Remote) KeepFiles(_ testing.TB, user bridge.UserID, chat bridge.ChatID, id bridge.MessageID, text string, keep int) {
	for _, m := range r.net.Messages(chat) {
		if m.ID == id {
			r.net.EditFiles(user, chat, id, text, m.Files[:keep]...)
		}
	}
}

// BoldText implements [bridgetest.Remote].
func (*Remote) BoldText(text string) string { return "**" + text + "**" }

// Can implements [bridgetest.Remote]: everything.
func (*Remote) Can(bridgetest.Fault) bool { return true }

// FailNext implements [bridgetest.Remote].
func (r *Remote) FailNext(_ testing.TB, n int, f bridgetest.Fault) { r.net.FailNext(r.login, n, f) }

// Cut implements [bridgetest.Remote].
func (r *Remote) Cut(testing.TB) { r.net.Cut(r.login) }

// DuplicatePushes implements [bridgetest.Remote].
func (r *Remote) DuplicatePushes(_ testing.TB, on bool) { r.net.DuplicatePushes(r.login, on) }

// ReorderPushes implements [bridgetest.Remote].
func (r *Remote) ReorderPushes(_ testing.TB, on bool) { r.net.ReorderPushes(r.login, on) }

// EchoFirst implements [bridgetest.Remote].
func (r *Remote) EchoFirst(_ testing.TB, on bool) { r.net.EchoFirst(r.login, on) }

// Revoke implements [bridgetest.Remote].
func (r *Remote) Revoke(testing.TB) { r.net.Revoke(r.login) }
