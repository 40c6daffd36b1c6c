package bridgetest

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/steg-bridge/steg/core/bridge"
)

func metadataCases() []Case {
	return []Case{
		{Name: "chat", run: metaChat},
		{Name: "private_chat", unless: needFollows, run: metaPrivate},
		{Name: "unknown_chat", run: metaUnknownChat},
		{Name: "chat_change", run: metaChatChange},
		{Name: "chat_archived", run: metaArchived},
		{Name: "chat_archived_while_away", run: metaArchivedAway},
		{Name: "user", run: metaUser},
		{Name: "unknown_user", run: metaUnknownUser},
		{Name: "user_change", run: metaUserChange},
		{Name: "avatar", unless: needAvatars, run: metaAvatar},
		{Name: "resolve", unless: needResolves, run: metaResolve},
	}
}

// readChat reads a chat that must be there.
func (k *kit) readChat(chat bridge.ChatID) *bridge.ChatInfo {
	k.tb.Helper()
	ctx, cancel := k.settle()
	defer cancel()
	info, err := k.client.Chat(ctx, chat)
	if k.noted(err) != nil {
		k.tb.Fatalf("Chat: %v", err)
	}
	return info
}

// readUser reads a person who must be there.
func (k *kit) readUser(user bridge.UserID) *bridge.UserInfo {
	k.tb.Helper()
	ctx, cancel := k.settle()
	defer cancel()
	info, err := k.client.User(ctx, user)
	if k.noted(err) != nil {
		k.tb.Fatalf("User: %v", err)
	}
	return info
}

func validSlug(s string) bool {
	return len(s) <= 100 && regexp.MustCompile(`^[a-z0-9._-]+$`).MatchString(s)
}

func metaChat(k *kit) {
	chat, ref := k.remote.NewChat(k.tb, false)
	k.link(chat)
	name, topic := "Marktplatz "+canary, "Alles & nichts "+canary
	k.remote.RenameChat(k.tb, chat, name)
	k.remote.SetTopic(k.tb, chat, topic)
	info := k.readChat(chat)
	if info.ID != chat || info.Ref != ref || info.Name != name || info.Topic != topic || info.Private || info.Gone {
		k.tb.Errorf("Chat is %+v, want ID %q, Ref %q, Name %q, Topic %q, open", info, chat, ref, name, topic)
	}
	if !validSlug(info.Slug) {
		k.tb.Errorf("Slug %q is not 1 to 100 of [a-z0-9._-]", info.Slug)
	}
}

// A private chat is closed until its owner lets the login in.
func metaPrivate(k *kit) {
	f, ok := k.client.(bridge.Follower)
	if !ok {
		k.tb.Fatalf("the client is no Follower")
	}
	chat, _ := k.remote.NewChat(k.tb, true)
	ctx, cancel := k.settle()
	defer cancel()
	_, err := f.Follow(ctx, chat)
	k.wantIs("Follow of a private chat", k.noted(err), bridge.ErrForbidden)
	if err != nil && len(err.Error()) <= len(bridge.ErrForbidden.Error()) {
		k.tb.Errorf("the error does not say who must let the login in: %v", err)
	}

	k.remote.Admit(k.tb, chat)
	k.link(chat)
	if info := k.readChat(chat); !info.Private {
		k.tb.Errorf("Private is not set")
	}
	kim := k.user("Kim")
	k.startConnected()
	k.fence(kim, chat)
	k.send(k.out(chat, k.say("ours")))
	k.wantSame(kim, chat)
}

func metaUnknownChat(k *kit) {
	private, _ := k.remote.NewChat(k.tb, true)
	ctx, cancel := k.settle()
	defer cancel()
	_, err := k.client.Chat(ctx, private)
	k.wantIs("Chat of a chat that is not for us", k.noted(err), bridge.ErrNotFound)
}

func metaChatChange(k *kit) {
	chat := k.chat()
	k.startConnected()
	name, topic := "Neu "+canary, "Thema "+canary
	k.remote.RenameChat(k.tb, chat, name)
	k.remote.SetTopic(k.tb, chat, topic)
	k.await("a ChatChange tells the new name and topic", func() bool {
		for _, ev := range k.sink.Events(chat) {
			if c, ok := ev.(*bridge.ChatChange); ok && c.Info.Name == name && c.Info.Topic == topic {
				return c.Info.ID == chat && validSlug(c.Info.Slug) && !c.Info.Gone
			}
		}
		return false
	})
}

// wantGoneEvent waits for the ChatGone.
func (k *kit) wantGoneEvent(chat bridge.ChatID) {
	k.tb.Helper()
	k.await("a ChatGone tells that the chat was archived", func() bool {
		return slices.ContainsFunc(k.sink.Events(chat), func(ev bridge.Event) bool {
			_, ok := ev.(*bridge.ChatGone)
			return ok
		})
	})
}

func metaArchived(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	k.fence(kim, chat)
	k.remote.Archive(k.tb, chat)
	k.wantGoneEvent(chat)
	if !k.readChat(chat).Gone {
		k.tb.Errorf("Gone is not set")
	}
}

// Another chat goes on while one is archived.
func metaArchivedAway(k *kit) {
	kim, chat, other := k.user("Kim"), k.chat(), k.chat()
	k.start()
	k.fence(kim, chat)
	k.restart()
	k.post(kim, chat, k.say("the last word"))
	k.remote.Archive(k.tb, chat)
	k.start()
	k.wantSame(kim, other)
	k.wantGoneEvent(chat)
	if got := len(k.sink.Messages(chat)); got != 2 {
		k.tb.Errorf("%d messages of the archived chat, want 2: what was written before it was archived", got)
	}
}

func metaUser(k *kit) {
	for _, name := range []string{"Anna " + canary, "Zoë Müller-Łukasz " + canary} {
		id := k.remote.NewUser(k.tb, name)
		if info := k.readUser(id); info.ID != id || info.Name != name || info.Bot {
			k.tb.Errorf("User is %+v, want ID %q, Name %q, no bot", info, id, name)
		}
	}
}

func metaUnknownUser(k *kit) {
	ctx, cancel := k.settle()
	defer cancel()
	_, err := k.client.User(ctx, "nobody00000000000000000000")
	k.wantIs("User of nobody", k.noted(err), bridge.ErrNotFound)
}

func metaUserChange(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	k.fence(kim, chat)
	name := "Kim-Lou " + canary
	k.remote.RenameUser(k.tb, kim, name)
	k.await("a UserChange tells the new name", func() bool {
		for _, ev := range k.sink.Events("") {
			if u, ok := ev.(*bridge.UserChange); ok && u.Info.ID == kim && u.Info.Name == name {
				return true
			}
		}
		return false
	})
	if got := k.readUser(kim).Name; got != name {
		k.tb.Errorf("User says %q, want %q", got, name)
	}
}

// picture is a small PNG.
func picture(k *kit, c color.Color) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 128, 128))
	for i := range 128 * 128 {
		img.Set(i%128, i/128, c)
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		k.tb.Fatalf("encode picture: %v", err)
	}
	return buf.Bytes()
}

func metaAvatar(k *kit) {
	opener, ok := k.client.(bridge.AvatarOpener)
	if !ok {
		k.tb.Fatalf("the client is no AvatarOpener")
	}
	kim := k.user("Kim")
	keys := map[string]bool{}
	for _, c := range []color.Color{color.Black, color.White} {
		k.remote.SetAvatar(k.tb, kim, picture(k, c))
		key := k.readUser(kim).AvatarKey
		if key == "" || keys[key] {
			k.tb.Errorf("AvatarKey is %q after a new picture, before: %v", key, keys)
		}
		keys[key] = true
		if again := k.readUser(kim).AvatarKey; again != key {
			k.tb.Errorf("AvatarKey changes from %q to %q without a new picture", key, again)
		}
		k.wantPicture(opener, kim)
	}
}

func (k *kit) wantPicture(opener bridge.AvatarOpener, user bridge.UserID) {
	k.tb.Helper()
	ctx, cancel := context.WithTimeout(k.tb.Context(), k.opts.settle())
	defer cancel()
	body, mime, err := opener.OpenAvatar(ctx, user)
	if k.noted(err) != nil {
		k.tb.Fatalf("OpenAvatar: %v", err)
	}
	data, err := io.ReadAll(body)
	if err == nil {
		err = body.Close()
	}
	if k.noted(err) != nil {
		k.tb.Errorf("read the picture: %v", err)
	}
	if !strings.HasPrefix(mime, "image/") {
		k.tb.Errorf("the picture's type is %q", mime)
	}
	if _, _, err := image.DecodeConfig(bytes.NewReader(data)); err != nil {
		k.tb.Errorf("the picture cannot be decoded: %v", err)
	}
}

func metaResolve(k *kit) {
	r, ok := k.client.(bridge.Resolver)
	if !ok {
		k.tb.Fatalf("the client is no Resolver")
	}
	ctx, cancel := k.settle()
	defer cancel()
	one, oneRef := k.remote.NewChat(k.tb, false)
	two, twoRef := k.remote.NewChat(k.tb, false)
	private, _ := k.remote.NewChat(k.tb, true)

	got, err := r.Resolve(ctx, oneRef)
	if k.noted(err) != nil || len(got) != 1 || got[0].ID != one || got[0].Ref != oneRef {
		k.tb.Errorf("Resolve of a plain ref: %d chats, error %v; want the one chat", len(got), err)
	}
	n := 0
	for n < min(len(oneRef), len(twoRef)) && oneRef[n] == twoRef[n] {
		n++
	}
	got, err = r.Resolve(ctx, oneRef[:n]+"*")
	if k.noted(err) != nil {
		k.tb.Errorf("Resolve of a pattern: %v", err)
	}
	has := func(id bridge.ChatID) bool {
		return slices.ContainsFunc(got, func(c bridge.ChatInfo) bool { return c.ID == id })
	}
	if !has(one) || !has(two) {
		k.tb.Errorf("the pattern of both lists %d chats, but not both", len(got))
	}
	if has(private) {
		k.tb.Errorf("the pattern lists a private chat")
	}
	if _, err := r.Resolve(ctx, oneRef+"-no-such"); k.noted(err) == nil {
		k.tb.Errorf("Resolve of a plain ref without a chat succeeded")
	} else {
		k.wantIs("Resolve of a plain ref without a chat", err, bridge.ErrNotFound)
	}
	got, err = r.Resolve(ctx, oneRef+"-no-such-*")
	if k.noted(err) != nil || len(got) > 0 {
		k.tb.Errorf("Resolve of a pattern without chats: %d chats, error %v; want none", len(got), err)
	}
}
