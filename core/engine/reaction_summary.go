package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// Where one account reacts for all, the network counts several Matrix people as
// one. Then a message in the thread of the target tells who they are:
//
//	👍 Anna, Beat · 🎉 Carla
//
// It is an item of the outbound lane like any other, comes a moment later so that
// many reactions make one, is edited when they change and goes when no emoji has
// several holders any more.

// summaryNames is how many people are named for an emoji; the rest are counted.
const summaryNames = 12

// summaryOrder is the payload of a summary's item.
type summaryOrder struct {
	Target bridge.MessageID `json:"target"`
}

// summary is what a target's summary is now, as stored.
type summary struct {
	// Key is that of its send, kept before the send so that one of which the answer
	// was lost is found again; Since is when that was.
	Key   bridge.Key       `json:"key,omitempty"`
	Since time.Time        `json:"since,omitzero"`
	Post  bridge.MessageID `json:"post,omitempty"`
	Text  string           `json:"text,omitempty"` // a hash of it, "" when not known
}

func summaryName(p *store.Portal, target bridge.MessageID) string {
	return fmt.Sprintf("reactions.%d.%s", p.ID, target)
}

// orderSummary queues a summary when the reactions to a message need one, or have
// one that may be wrong now.
func (e *Engine) orderSummary(ctx context.Context, p *store.Portal, l *login, it store.Item, after []store.Reaction, target bridge.MessageID) error {
	if _, ok := summarizer(l); !ok {
		return nil
	}
	if !shareEmoji(after) {
		now, err := e.summary(ctx, p, target)
		if err != nil || now.Key == "" {
			return err
		}
	}
	payload, err := json.Marshal(summaryOrder{Target: target})
	if err != nil {
		return fmt.Errorf("encode summary: %w", err)
	}
	_, err = e.queue.Accept(ctx, store.Intake{Entries: []store.Entry{{
		Lane: it.LaneKey, Key: "reactions:" + bridge.Key(marker(it, "summary")), Kind: kindSummary, Payload: payload,
	}}})
	return err
}

// editorRemover is what a network must be able to do with a summary.
type editorRemover interface {
	bridge.Client
	bridge.Editor
	bridge.Remover
}

func summarizer(l *login) (editorRemover, bool) {
	c, ok := l.client.(editorRemover)
	return c, ok && l.caps.SharedReactions
}

// shareEmoji reports whether two people hold the same emoji.
func shareEmoji(all []store.Reaction) bool {
	seen := map[string]bool{}
	for _, r := range all {
		if seen[r.Emoji] {
			return true
		}
		seen[r.Emoji] = true
	}
	return false
}

func (e *Engine) summary(ctx context.Context, p *store.Portal, target bridge.MessageID) (summary, error) {
	return recall[summary](ctx, e, p, summaryName(p, target))
}

func (e *Engine) keepSummary(ctx context.Context, p *store.Portal, target bridge.MessageID, s summary) error {
	return e.remember(ctx, p, summaryName(p, target), s)
}

// summaryOut brings a target's summary up to date.
func (e *Engine) summaryOut(ctx context.Context, p *store.Portal, l *login, it store.Item, a queue.Attempt) queue.Outcome {
	if it.NotBefore.IsZero() {
		return queue.Outcome{Defer: &queue.Defer{After: e.opts.Limits.SummaryPause}}
	}
	var order summaryOrder
	client, ok := summarizer(l)
	if !ok || json.Unmarshal(it.Payload, &order) != nil {
		return drop(it, policy.DropUnsupported)
	}
	target, err := e.st.LinkByRemote(ctx, p.ID, order.Target)
	switch {
	case errors.Is(err, store.ErrNoRow), err == nil && target.Removed:
		return drop(it, policy.DropRemoved)
	case err != nil:
		return retry(err)
	}
	now, err := e.summary(ctx, p, order.Target)
	if err != nil {
		return retry(err)
	}
	all, err := e.relayed(ctx, p, order.Target)
	if err != nil {
		return retry(err)
	}
	text, err := e.summarize(ctx, p, all)
	if err != nil {
		return retry(err)
	}
	next, err := e.showSummary(ctx, client, p, it, target, now, text)
	switch {
	case err != nil:
		return e.failed(ctx, it, a, err, nobodyToTell)
	case next == now:
		return delivered(it)
	}
	if err := e.keepSummary(ctx, p, order.Target, next); err != nil {
		return retry(err)
	}
	return delivered(it)
}

// summarize writes who holds what, "" when no emoji is held by several.
func (e *Engine) summarize(ctx context.Context, p *store.Portal, all []store.Reaction) (string, error) {
	if !shareEmoji(all) {
		return "", nil
	}
	var order []string
	holders := map[string][]string{}
	for _, r := range all {
		who, err := e.person(ctx, p.Room, r.Sender)
		if err != nil {
			return "", err
		}
		if holders[r.Emoji] == nil {
			order = append(order, r.Emoji)
		}
		holders[r.Emoji] = append(holders[r.Emoji], policy.CleanName(who.Name, r.Sender.Localpart()))
	}
	parts := make([]string, len(order))
	for n, emoji := range order {
		names := holders[emoji]
		more := ""
		if rest := len(names) - summaryNames; rest > 0 {
			names, more = names[:summaryNames], fmt.Sprintf(" +%d", rest)
		}
		parts[n] = emoji + " " + strings.Join(names, ", ") + more
	}
	return strings.Join(parts, " · "), nil
}

// showSummary makes the summary say text, and returns what it is then.
func (e *Engine) showSummary(ctx context.Context, client editorRemover, p *store.Portal, it store.Item,
	target store.Link, now summary, text string,
) (summary, error) {
	if now.Key == "" && text == "" {
		return now, nil
	}
	again := now.Key != "" && now.Post == ""
	if now.Key == "" {
		now.Key, now.Since = outKey(it), it.Accepted
		if err := e.keepSummary(ctx, p, target.Remote, now); err != nil {
			return now, &bridge.TemporaryError{Err: err, Unsent: true}
		}
	}
	out := bridge.Outgoing{
		Key: now.Key, Chat: p.Chat, Uncertain: again, Since: now.Since, Time: it.Accepted,
		Author:  bridge.Author{ID: e.hs.Bot(), Name: "Steg"},
		Content: &event.MessageEventContent{MsgType: event.MsgNotice, Body: cmp.Or(text, "–")},
		ReplyTo: target.Remote, Thread: cmp.Or(target.RootRemote, target.Remote),
		Hop: e.opts.Limits.MaxHops, // nobody carries it further
	}
	if now.Post == "" {
		got, err := client.Send(ctx, &out)
		if err != nil {
			return now, err
		}
		if now.Post = got.ID; !again {
			now.Text = textHash(text)
		}
	}
	out.Key = outKey(it)
	switch {
	case text == "":
		err := client.Remove(ctx, &bridge.OutgoingRemoval{Key: out.Key, Chat: p.Chat, Target: now.Post, Author: out.Author})
		if err != nil && !errors.Is(err, bridge.ErrNotFound) {
			return now, err
		}
		return summary{}, nil
	case now.Text == textHash(text):
		return now, nil
	}
	err := client.Edit(ctx, &bridge.OutgoingEdit{Outgoing: out, Target: now.Post})
	if errors.Is(err, bridge.ErrNotFound) {
		return summary{}, nil // somebody there did not want it
	}
	now.Text = textHash(text)
	return now, err
}

// textHash tells one text from another without keeping it.
func textHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
