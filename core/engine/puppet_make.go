package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/store"
)

// ensurePuppet returns a person's account, made and looking as the person does in
// the portal's room.
func (e *Engine) ensurePuppet(ctx context.Context, p *store.Portal, l *login, user id.UserID) (store.Puppet, error) {
	who, err := e.person(ctx, p.Room, user)
	if err != nil {
		return store.Puppet{}, err
	}
	name := policy.CleanName(who.Name, user.Localpart())
	row, err := e.puppet(ctx, l, user)
	if errors.Is(err, store.ErrNoRow) || err == nil && row.Secret == "" {
		if row, err = e.makePuppet(ctx, l, user, name); err != nil {
			return row, err
		}
	}
	if err != nil {
		return row, err
	}
	if row.Name != name || row.AvatarKey != who.Avatar {
		row = e.refreshPuppet(ctx, l, row, who, name)
	}
	return row, nil
}

// puppet reads a person's account. [store.ErrNoRow] when there is none.
func (e *Engine) puppet(ctx context.Context, l *login, user id.UserID) (store.Puppet, error) {
	if row, ok := recallFrom(l.puppets, l.puppets.byMXID, user); ok {
		return row, nil
	}
	row, err := e.st.Puppet(ctx, l.spec.ID, user)
	if err == nil {
		keep(l.puppets, l.puppets.byMXID, user, row)
	}
	return row, err
}

// makePuppet makes a person's account, or lets an existing one in again.
func (e *Engine) makePuppet(ctx context.Context, l *login, user id.UserID, name string) (store.Puppet, error) {
	what := "make " + string(user)
	if err := e.lately(l, what); err != nil {
		return store.Puppet{}, err
	}
	select {
	case l.puppets.making <- struct{}{}:
	case <-ctx.Done():
		return store.Puppet{}, ctx.Err()
	}
	defer func() { <-l.puppets.making }()
	row, err := e.st.Puppet(ctx, l.spec.ID, user)
	var old *bridge.Puppet
	switch {
	case errors.Is(err, store.ErrNoRow):
		row = store.Puppet{Bridge: l.spec.ID, MXID: user}
	case err != nil:
		return row, err
	case row.Secret != "": // somebody was faster
		keep(l.puppets, l.puppets.byMXID, user, row)
		return row, nil
	default:
		old = &bridge.Puppet{User: row.User, Login: bridge.Login{ID: row.Login}}
	}
	maker, _ := l.client.(bridge.Puppeteer) // what caps.Puppets says
	made, err := maker.Puppet(ctx, bridge.Persona{Author: bridge.Author{ID: user, Name: name}}, old)
	if old != nil && errors.Is(err, bridge.ErrForbidden) {
		err = fmt.Errorf("%w: %w", errBarred, err)
	}
	if err != nil {
		return row, e.refuse(l, what, fmt.Errorf("make an account for a Matrix person: %w", err))
	}
	row.User, row.Login, row.Secret, row.Name = made.User, made.Login.ID, made.Login.Secret, name
	return row, e.savePuppet(ctx, l, row)
}

func (e *Engine) savePuppet(ctx context.Context, l *login, row store.Puppet) error {
	if err := e.st.SavePuppet(ctx, row); err != nil {
		return &bridge.TemporaryError{Err: err, Unsent: true}
	}
	keep(l.puppets, l.puppets.byMXID, row.MXID, row)
	keep(l.puppets, l.puppets.people, row.User, row.MXID)
	signal(l.puppets.changed)
	return nil
}

// refreshPuppet makes an account look like its person. No message waits for that:
// what fails is tried again later.
func (e *Engine) refreshPuppet(ctx context.Context, l *login, row store.Puppet, who intent.Member, name string) store.Puppet {
	what := "refresh " + string(row.MXID)
	if e.lately(l, what) != nil {
		return row
	}
	persona := bridge.Persona{Author: bridge.Author{ID: row.MXID, Name: name}, AvatarKey: who.Avatar}
	if who.Avatar != row.AvatarKey && who.Avatar != "" {
		persona.OpenAvatar = func(ctx context.Context) (io.ReadCloser, int64, error) { return e.hs.Download(ctx, who.Avatar) }
	}
	maker, _ := l.client.(bridge.Puppeteer) // what caps.Puppets says
	old := &bridge.Puppet{User: row.User, Login: bridge.Login{ID: row.Login, Secret: row.Secret}}
	changed := row
	changed.Name, changed.AvatarKey = name, who.Avatar
	_, err := maker.Puppet(ctx, persona, old)
	if err == nil {
		err = e.savePuppet(ctx, l, changed)
	}
	if err != nil {
		keep(l.puppets, l.puppets.refused, what, refusal{e.now().Add(puppetRetry), err})
		e.log.LogAttrs(ctx, slog.LevelWarn, "a Matrix person's account keeps its old name or picture",
			slog.String("bridge", string(l.spec.ID)), slog.String("error", err.Error()))
		return row
	}
	return changed
}

// admit lets a puppet into the portal's chat, once: whom somebody there has taken out
// again may not write, and the network says so.
func (e *Engine) admit(ctx context.Context, p *store.Portal, l *login, user bridge.UserID) error {
	k := chatPuppet{p.Chat, user}
	if _, ok := recallFrom(l.puppets, l.puppets.inChat, k); ok {
		return nil
	}
	in, err := e.st.PuppetsIn(ctx, p.Bridge, p.Chat)
	if err != nil {
		return &bridge.TemporaryError{Err: err, Unsent: true}
	}
	for _, u := range in {
		keep(l.puppets, l.puppets.inChat, chatPuppet{p.Chat, u}, struct{}{})
	}
	if slices.Contains(in, user) {
		return nil
	}
	what := fmt.Sprintf("admit %s %s", p.Chat, user)
	if err := e.lately(l, what); err != nil {
		return err
	}
	maker, _ := l.client.(bridge.Puppeteer) // what caps.Puppets says
	if err := maker.Admit(ctx, p.Chat, user); err != nil {
		return e.refuse(l, what, fmt.Errorf("let a Matrix person's account into the chat: %w", err))
	}
	if err := e.st.PuppetAdmitted(ctx, p.Bridge, p.Chat, user, true); err != nil {
		return &bridge.TemporaryError{Err: err, Unsent: true}
	}
	keep(l.puppets, l.puppets.inChat, k, struct{}{})
	return nil
}
