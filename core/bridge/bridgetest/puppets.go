package bridgetest

import (
	"bytes"
	"context"
	"io"
	"slices"
	"testing"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

// RemotePuppets is a [Remote] of a network on which Matrix people have accounts.
type RemotePuppets interface {
	// UserName is how people see an account.
	UserName(tb testing.TB, user bridge.UserID) string
	// HasPicture reports whether somebody has given an account a picture.
	HasPicture(tb testing.TB, user bridge.UserID) bool
	// InChat reports whether an account is a member of a chat.
	InChat(tb testing.TB, user bridge.UserID, chat bridge.ChatID) bool
	// Disable closes an account, as an administrator would.
	Disable(tb testing.TB, user bridge.UserID)
}

func needPuppets(c bridge.Capabilities) string { return unless(c.Puppets, "no puppets") }

func puppetCases() []Case {
	return []Case{
		{Name: "speak_for_themselves", unless: needPuppets, run: puppetSpeaks},
		{Name: "one_for_each", unless: needPuppets, run: puppetOnce},
		{Name: "name_and_picture", unless: needPuppets, run: puppetLooks},
		{Name: "secret_renewed", unless: needPuppets, run: puppetSecret},
		{Name: "disabled", unless: needPuppets, run: puppetDisabled},
		{Name: "come_and_go", unless: needPuppets, run: puppetMoves},
		{Name: "found_by_the_login", unless: needPuppets, run: puppetFound},
		{Name: "react_each", unless: needPuppets, run: puppetReacts},
		{Name: "edit_and_remove_own", unless: needPuppets, run: puppetEdits},
	}
}

func (k *kit) puppeteer() (RemotePuppets, bridge.Puppeteer) {
	k.tb.Helper()
	r, driver := k.env.Remote.(RemotePuppets)
	c, client := k.client.(bridge.Puppeteer)
	if !driver || !client {
		k.tb.Fatalf("the bridge declares puppets, but its driver or its client lacks them")
	}
	return r, c
}

// persona makes a Matrix person with a name of their own.
func (k *kit) persona(name string) bridge.Persona {
	local := "p" + string(k.out("", "").Key)
	return bridge.Persona{Author: bridge.Author{ID: id.NewUserID(local, "school.test"), Name: name + " " + canary}}
}

func (k *kit) tryPuppet(who bridge.Persona, old *bridge.Puppet) (*bridge.Puppet, error) {
	k.tb.Helper()
	_, c := k.puppeteer()
	ctx, cancel := k.settle()
	defer cancel()
	p, err := c.Puppet(ctx, who, old)
	return p, k.noted(err)
}

func (k *kit) puppet(who bridge.Persona, old *bridge.Puppet) *bridge.Puppet {
	k.tb.Helper()
	p, err := k.tryPuppet(who, old)
	if err != nil {
		k.tb.Fatalf("Puppet: %v", err)
	}
	if p.User == "" || p.Login.Secret == "" {
		k.tb.Fatalf("Puppet answers without a user or without a secret")
	}
	k.env.Secrets = append(k.env.Secrets, p.Login.Secret)
	return p
}

// admit lets a puppet into a chat, or takes it out.
func (k *kit) admit(chat bridge.ChatID, p *bridge.Puppet, in bool) {
	k.tb.Helper()
	_, c := k.puppeteer()
	ctx, cancel := k.settle()
	defer cancel()
	move := c.Dismiss
	if in {
		move = c.Admit
	}
	if err := move(ctx, chat, p.User); k.noted(err) != nil {
		k.tb.Fatalf("move a puppet: %v", err)
	}
}

func (k *kit) admitted(chat bridge.ChatID, p *bridge.Puppet) bool {
	k.tb.Helper()
	_, c := k.puppeteer()
	ctx, cancel := k.settle()
	defer cancel()
	in, err := c.Admitted(ctx, chat, p.User)
	if k.noted(err) != nil {
		k.tb.Fatalf("Admitted: %v", err)
	}
	return in
}

// as opens a puppet's client.
func (k *kit) as(p *bridge.Puppet) bridge.Client {
	k.tb.Helper()
	c, err := k.env.Bridge.Open(p.Login)
	if k.noted(err) != nil {
		k.tb.Fatalf("Open as a puppet: %v", err)
	}
	return c
}

func (k *kit) sendAs(c bridge.Client, m *bridge.Outgoing) (bridge.Receipt, error) {
	ctx, cancel := k.settle()
	defer cancel()
	r, err := c.Send(ctx, m)
	return r, k.noted(err)
}

// speaker makes a puppet that is in a chat and sends one message as it.
func (k *kit) speaker(chat bridge.ChatID, name string) (*bridge.Puppet, bridge.Client, *bridge.Outgoing, bridge.Receipt) {
	k.tb.Helper()
	p := k.puppet(k.persona(name), nil)
	k.admit(chat, p, true)
	c := k.as(p)
	m := k.out(chat, k.say("by "+name))
	r, err := k.sendAs(c, m)
	if err != nil {
		k.tb.Fatalf("Send as a puppet: %v", err)
	}
	return p, c, m, r
}

func (k *kit) remoteMessage(chat bridge.ChatID, msg bridge.MessageID) (RemoteMessage, bool) {
	all := k.remote.Messages(k.tb, chat)
	n := slices.IndexFunc(all, func(m RemoteMessage) bool { return m.ID == msg })
	if n < 0 {
		return RemoteMessage{}, false
	}
	return all[n], true
}

func puppetSpeaks(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	r, _ := k.puppeteer()
	p, _, m, got := k.speaker(chat, "Pia")
	shown, ok := k.remoteMessage(chat, got.ID)
	name := r.UserName(k.tb, p.User)
	if !ok || shown.User != p.User || shown.FromUs || shown.Author != name || shown.Text != m.Content.Body || name != "Pia "+canary {
		k.tb.Errorf("the network shows %+v, of an account called %q", shown, name)
	}
	// The login hears it as anybody else's.
	if heard := k.awaitMessage(chat, got.ID); heard.Sender != p.User || heard.Echo != "" {
		k.tb.Errorf("the login hears it of %s with Echo %q", heard.Sender, heard.Echo)
	}
	k.fence(kim, chat)
}

func puppetOnce(k *kit) {
	who, other := k.persona("Pia"), k.persona("Paul")
	a := k.puppet(who, nil)
	k.restart()
	if b := k.puppet(who, nil); b.User != a.User {
		k.tb.Errorf("a second account was made for one person")
	}
	if c := k.puppet(other, nil); c.User == a.User {
		k.tb.Errorf("two people have one account")
	}
}

// onePixel is a PNG.
var onePixel = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89" + //nolint:gochecknoglobals // a constant
	"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82")

func puppetLooks(k *kit) {
	r, _ := k.puppeteer()
	who := k.persona("Pia")
	p := k.puppet(who, nil)
	if r.HasPicture(k.tb, p.User) {
		k.tb.Errorf("a new account has a picture")
	}
	who.Name, who.AvatarKey = "Pia P. "+canary, "1"
	who.OpenAvatar = func(context.Context) (io.ReadCloser, int64, error) {
		return io.NopCloser(bytes.NewReader(onePixel)), int64(len(onePixel)), nil
	}
	if q := k.puppet(who, p); q.User != p.User || q.Login != p.Login {
		k.tb.Errorf("a new look made another account or secret")
	}
	if name := r.UserName(k.tb, p.User); name != who.Name {
		k.tb.Errorf("the account is called %q", name)
	}
	if !r.HasPicture(k.tb, p.User) {
		k.tb.Errorf("the account has no picture")
	}
	// A picture that cannot be read leaves the account usable.
	who.AvatarKey = "2"
	who.OpenAvatar = func(context.Context) (io.ReadCloser, int64, error) {
		return io.NopCloser(bytes.NewReader([]byte("no picture"))), -1, nil
	}
	k.puppet(who, p)
}

func puppetSecret(k *kit) {
	chat := k.chat()
	k.startConnected()
	p, _, _, _ := k.speaker(chat, "Pia")
	fresh := k.puppet(k.persona("unused"), &bridge.Puppet{User: p.User, Login: bridge.Login{ID: p.Login.ID}})
	if fresh.User != p.User || fresh.Login.Secret == p.Login.Secret {
		k.tb.Errorf("the secret was not renewed")
	}
	if _, err := k.sendAs(k.as(fresh), k.out(chat, k.say("again"))); err != nil {
		k.tb.Errorf("Send with the new secret: %v", err)
	}
}

func puppetDisabled(k *kit) {
	chat := k.chat()
	k.startConnected()
	r, _ := k.puppeteer()
	p, c, _, _ := k.speaker(chat, "Pia")
	r.Disable(k.tb, p.User)
	_, err := k.sendAs(c, k.out(chat, k.say("no")))
	k.wantIs("Send of a disabled account", err, bridge.ErrLoggedOut)
	_, err = k.tryPuppet(k.persona("unused"), &bridge.Puppet{User: p.User, Login: bridge.Login{ID: p.Login.ID}})
	k.wantIs("a new secret for a disabled account", err, bridge.ErrForbidden)
}

func puppetMoves(k *kit) {
	chat := k.chat()
	k.startConnected()
	r, _ := k.puppeteer()
	p, c, _, _ := k.speaker(chat, "Pia")
	for range 2 {
		k.admit(chat, p, true)
		if !r.InChat(k.tb, p.User, chat) || !k.admitted(chat, p) {
			k.tb.Errorf("the account is not in the chat")
		}
	}
	for range 2 {
		k.admit(chat, p, false)
		if r.InChat(k.tb, p.User, chat) || k.admitted(chat, p) {
			k.tb.Errorf("the account is still in the chat")
		}
	}
	_, err := k.sendAs(c, k.out(chat, k.say("from outside")))
	k.wantPermanent("Send from outside the chat", err)
}

func puppetFound(k *kit) {
	chat := k.chat()
	k.startConnected()
	finder, ok := k.client.(bridge.Finder)
	if !ok {
		k.tb.Fatalf("a bridge with puppets finds nothing by their keys")
	}
	p, _, m, got := k.speaker(chat, "Pia")
	q, _, _, _ := k.speaker(chat, "Paul")
	ours := k.out(chat, k.say("ours"))
	sent := k.send(ours)
	find := func(m *bridge.Outgoing, by bridge.UserID, want bridge.MessageID) {
		k.tb.Helper()
		ctx, cancel := k.settle()
		defer cancel()
		r, found, err := finder.Find(ctx, m, by)
		if k.noted(err) != nil || found != (want != "") || r.ID != want {
			k.tb.Errorf("Find by %q is %q, %v, %v, want %q", by, r.ID, found, err, want)
		}
	}
	find(m, p.User, got.ID)
	find(m, q.User, "")
	find(m, "", "")
	find(ours, "", sent.ID)
	find(ours, p.User, "")
}

func puppetReacts(k *kit) {
	kim, chat, r := k.user("Kim"), k.chat(), k.reacts()
	k.startConnected()
	msg := k.post(kim, chat, k.say("x"))
	want := []bridge.UserID{}
	for _, name := range []string{"Pia", "Paul"} {
		p, c, _, _ := k.speaker(chat, name)
		reactor, ok := c.(bridge.Reactor)
		if !ok {
			k.tb.Fatalf("a puppet cannot react")
		}
		ctx, cancel := k.settle()
		err := reactor.React(ctx, k.reaction(chat, msg, thumb))
		cancel()
		if k.noted(err) != nil {
			k.tb.Fatalf("React as a puppet: %v", err)
		}
		want = append(want, p.User)
	}
	got := slices.Sorted(slices.Values(r.Reactions(k.tb, chat, msg)[thumb]))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		k.tb.Errorf("%s is by %v, want %v", thumb, got, want)
	}
}

func puppetEdits(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	foreign := k.post(kim, chat, k.say("Kim's"))
	_, c, m, got := k.speaker(chat, "Pia")
	editor, canEdit := c.(bridge.Editor)
	remover, canRemove := c.(bridge.Remover)
	if !canEdit || !canRemove {
		k.tb.Skip("SKIPPED: does not apply: no edits or no removals")
	}
	ctx, cancel := k.settle()
	defer cancel()
	text := k.out(chat, k.say("better"))
	if err := editor.Edit(ctx, &bridge.OutgoingEdit{Outgoing: *text, Target: got.ID}); k.noted(err) != nil {
		k.tb.Fatalf("Edit as a puppet: %v", err)
	}
	if shown, _ := k.remoteMessage(chat, got.ID); shown.Text != text.Content.Body {
		k.tb.Errorf("after the edit the network shows %q", shown.Text)
	}
	err := k.noted(editor.Edit(ctx, &bridge.OutgoingEdit{Outgoing: *text, Target: foreign}))
	k.wantPermanent("Edit of somebody else's message", err)
	if err := remover.Remove(ctx, &bridge.OutgoingRemoval{Key: k.out(chat, "").Key, Chat: chat, Target: got.ID, Author: m.Author}); k.noted(err) != nil {
		k.tb.Fatalf("Remove as a puppet: %v", err)
	}
	if _, there := k.remoteMessage(chat, got.ID); there {
		k.tb.Errorf("the removed message is still there")
	}
}
