package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/policy"
	"github.com/steg-bridge/steg/core/queue"
	"github.com/steg-bridge/steg/core/store"
)

// notice is the payload of what the bot says: an item of the control lane, so
// that it is said once, also across a crash.
type notice struct {
	Portal int64         `json:"portal,omitempty"`
	Room   id.RoomID     `json:"room,omitempty"`
	Chat   bridge.ChatID `json:"chat,omitempty"`
	To     id.UserID     `json:"to,omitempty"`
	Text   string        `json:"text"`
}

// reasons are what senders are told, by language and word.
var reasons = map[string]map[string]string{ //nolint:gochecknoglobals // a constant table
	"en": {
		"intro":       "Your message did not reach %s: ",
		"tooLarge":    "it is too long.",
		"forbidden":   "Steg may not write there. Please tell your school's administrators.",
		"notFound":    "the conversation or the message it belongs to no longer exists there.",
		"unsupported": "this kind of message cannot cross.",
		"encrypted":   "it is encrypted, and this room's bridge cannot read encrypted messages.",
		"rejected":    "it was refused there. Your school's administrators can see why and send it again.",

		"removed": "Somebody removed you from this conversation on %s.",

		"direct.refused": "I cannot pass this on: the person behind this account can be written to directly only by people who share one of " +
			"their school's conversations, and only if the school allows it.",

		"reaction.intro":       "Your reaction did not reach %s: ",
		"reaction.unsupported": "that emoji is not known there.",
		"reaction.tooLarge":    "that message has too many different reactions there.",

		"file.intro":       "Your message reached %s without its file: ",
		"file.tooLarge":    "the file is too large.",
		"file.notFound":    "the file no longer exists.",
		"file.damaged":     "the file is damaged: it is not as long as announced.",
		"file.encrypted":   "the file is encrypted, and this room's bridge cannot read encrypted files.",
		"file.unsupported": "files cannot cross.",
		"file.rejected":    "the file could not be carried over.",
	},
	"de": {
		"intro":       "Ihre Nachricht hat %s nicht erreicht: ",
		"tooLarge":    "Sie ist zu lang.",
		"forbidden":   "Steg darf dort nicht schreiben. Bitte sagen Sie es der Administration Ihrer Schule.",
		"notFound":    "Die Unterhaltung oder die Nachricht, zu der sie gehört, gibt es dort nicht mehr.",
		"unsupported": "Diese Art von Nachricht kann nicht übertragen werden.",
		"encrypted":   "Sie ist verschlüsselt, und die Brücke dieses Raumes kann Verschlüsseltes nicht lesen.",
		"rejected":    "Sie wurde dort abgelehnt. Die Administration Ihrer Schule sieht den Grund und kann sie erneut senden.",

		"removed": "Jemand hat Sie auf %s aus dieser Unterhaltung entfernt.",

		"direct.refused": "Ich kann das nicht weitergeben: Die Person hinter diesem Konto ist nur für Leute direkt erreichbar, die mit ihr " +
			"in einer Unterhaltung ihrer Schule sind, und nur, wenn die Schule es erlaubt.",

		"reaction.intro":       "Ihre Reaktion hat %s nicht erreicht: ",
		"reaction.unsupported": "Dieses Emoji gibt es dort nicht.",
		"reaction.tooLarge":    "Die Nachricht hat dort schon zu viele verschiedene Reaktionen.",

		"file.intro":       "Ihre Nachricht hat %s ohne ihre Datei erreicht: ",
		"file.tooLarge":    "Die Datei ist zu gross.",
		"file.notFound":    "Die Datei gibt es nicht mehr.",
		"file.damaged":     "Die Datei ist beschädigt: Sie ist nicht so lang wie angekündigt.",
		"file.encrypted":   "Die Datei ist verschlüsselt, und die Brücke dieses Raumes kann Verschlüsseltes nicht lesen.",
		"file.unsupported": "Dateien können nicht übertragen werden.",
		"file.rejected":    "Die Datei konnte nicht übertragen werden.",
	},
}

// words are the sentences of a portal's language.
func (e *Engine) words(p *store.Portal) map[string]string {
	if words, ok := reasons[e.school(p.School).Language]; ok {
		return words
	}
	return reasons["en"]
}

// say puts a reason into words. what is "" for a message, else what the sentences
// about it begin with ("reaction.", "file.").
func (e *Engine) say(p *store.Portal, where, what, why string) string {
	words := e.words(p)
	return fmt.Sprintf(words[what+"intro"], where) + cmp.Or(words[what+why], words[why], words["rejected"])
}

// tellMatrix tells the sender of a Matrix message that it did not cross.
func (e *Engine) tellMatrix(ctx context.Context, p *store.Portal, it store.Item, sender id.UserID, why string) error {
	return e.tellPerson(ctx, p, it, sender, "", why)
}

// tellReaction tells a Matrix person that a reaction did not cross.
func (e *Engine) tellReaction(ctx context.Context, p *store.Portal, it store.Item, sender id.UserID, why string) error {
	return e.tellPerson(ctx, p, it, sender, "reaction.", why)
}

func (e *Engine) tellPerson(ctx context.Context, p *store.Portal, it store.Item, sender id.UserID, what, why string) error {
	if e.hs.Ours(sender) {
		return nil // a ghost: its person is told by nobody here
	}
	where := string(p.Bridge)
	if l, ok := e.logins[p.Bridge]; ok {
		where = l.spec.Name
	}
	return e.notify(ctx, p, it, kindTellMatrix, notice{Portal: p.ID, Room: p.Room, To: sender, Text: e.say(p, where, what, why)})
}

// tellRemote tells the people of a remote chat that a message did not cross.
func (e *Engine) tellRemote(ctx context.Context, p *store.Portal, it store.Item, why string) error {
	return e.notify(ctx, p, it, kindTellRemote, notice{Portal: p.ID, Chat: p.Chat, Text: e.say(p, "Matrix", "", why)})
}

func (e *Engine) notify(ctx context.Context, p *store.Portal, it store.Item, kind string, n notice) error {
	payload, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode notice: %w", err)
	}
	_, err = e.queue.Accept(ctx, store.Intake{Entries: []store.Entry{{
		Lane: control(p.School), Key: "notice:" + bridge.Key(marker(it, "notice")), Kind: kind, Payload: payload,
	}}})
	return err
}

// stepNotice shows a notice.
func (e *Engine) stepNotice(ctx context.Context, it store.Item, a queue.Attempt) queue.Outcome {
	var n notice
	if err := json.Unmarshal(it.Payload, &n); err != nil {
		return drop(it, policy.DropEmpty)
	}
	var err error
	if it.Kind == kindTellRemote {
		err = e.showRemote(ctx, it, a, n)
	} else {
		content := &event.MessageEventContent{MsgType: event.MsgNotice, Body: n.Text, Mentions: &event.Mentions{}}
		if n.To != "" {
			content.Mentions.UserIDs = []id.UserID{n.To}
		}
		mark := intent.Marker{ID: marker(it, "")}
		_, err = e.send(ctx, a, it, intent.Send{
			Room: n.Room, As: e.hs.Bot(), Type: event.EventMessage.Type, Content: content, Marker: mark, TxnID: mark.ID,
			Time: it.Accepted, // the same in every attempt: then a repeat makes the same event
		})
	}
	if err == nil {
		return delivered(it)
	}
	if bridge.Classify(err) == bridge.ClassTemporary {
		return retry(mayHaveLanded(err))
	}
	return drop(it, policy.DropNoticeTrouble)
}

func (e *Engine) showRemote(ctx context.Context, it store.Item, a queue.Attempt, n notice) error {
	p := e.portals.id(n.Portal)
	if p == nil {
		return bridge.ErrNotFound
	}
	l, err := e.loginOf(ctx, p)
	if err != nil {
		return err
	}
	_, err = l.client.Send(ctx, &bridge.Outgoing{
		Key: outKey(it), Chat: n.Chat, Uncertain: a.Uncertain, Since: it.Accepted, Time: it.Accepted,
		Author:  bridge.Author{ID: e.hs.Bot(), Name: "Steg"},
		Content: &event.MessageEventContent{MsgType: event.MsgNotice, Body: n.Text},
		Hop:     e.opts.Limits.MaxHops, // nobody carries a notice further
	})
	return err
}

// pauseLoop stops a portal in which two gateways feed each other.
func (e *Engine) pauseLoop(ctx context.Context, p *store.Portal) queue.Outcome {
	why := strings.Join([]string{
		"stopped: messages go round in circles with another bridge in this chat or room;",
		"remove one of the two, then set the portal's mode again",
	}, " ")
	if err := e.change(ctx, p.ID, func(p *store.Portal) error { p.Paused = why; return nil }); err != nil {
		return retry(err)
	}
	return queue.Outcome{Hold: why}
}
