package bridgetest

import (
	"errors"
	"strings"

	"github.com/steg-bridge/steg/core/bridge"
)

func confideCases() []Case {
	return []Case{
		{Name: "finds_people_by_name", unless: needConfides, run: confideFinds},
		{Name: "reaches_one_person", unless: needConfides, run: confideReaches},
		{Name: "is_no_event", unless: needConfides, run: confideNoEvent},
		{Name: "refusals", unless: needConfides, run: confideRefusals},
	}
}

func needConfides(c bridge.Capabilities) string {
	return unless(c.Confides, "cannot write to people in private")
}

// confidant is the client with both powers.
func (k *kit) confidant() interface {
	bridge.Confider
	bridge.PersonFinder
} {
	k.tb.Helper()
	c, ok := k.client.(interface {
		bridge.Confider
		bridge.PersonFinder
	})
	if !ok {
		k.tb.Fatal("the client declares a power that it has not")
	}
	return c
}

func confideFinds(k *kit) {
	kim, lee := k.user("Kim"), k.user("Lee")
	c := k.confidant()
	ctx, cancel := k.settle()
	defer cancel()
	for _, who := range []bridge.UserID{kim, lee} {
		info, err := c.FindPerson(ctx, k.remote.MentionText(k.tb, who))
		if k.noted(err) != nil {
			k.tb.Fatalf("FindPerson: %v", err)
		}
		if info.ID != who || info.Gone || info.Bot || !strings.Contains(info.Name, canary) {
			k.tb.Errorf("found %q, want %q with the name that people see", info.ID, who)
		}
	}
	for _, name := range []string{"", "@", "nobody-has-this-name", "../" + canary, "no such name " + canary, strings.Repeat("n", 5000)} {
		if _, err := c.FindPerson(ctx, name); !errors.Is(k.noted(err), bridge.ErrNotFound) {
			k.tb.Errorf("a name of %d characters that nobody has: %v, want %v", len(name), err, bridge.ErrNotFound)
		}
	}
}

func confideReaches(k *kit) {
	kim, lee := k.user("Kim"), k.user("Lee")
	c := k.confidant()
	ctx, cancel := k.settle()
	defer cancel()
	text := k.say("the number is 12345678, for @kim:server.example *alone*")
	if err := k.noted(c.Confide(ctx, kim, text)); err != nil {
		k.tb.Fatalf("Confide: %v", err)
	}
	var got []string
	k.await("the person reads it", func() bool { got = k.remote.Confided(k.tb, kim); return len(got) > 0 })
	if len(got) != 1 || !strings.Contains(got[0], "12345678") || !strings.Contains(got[0], canary) {
		k.tb.Errorf("the person reads %d messages, of which the first is not what was told", len(got))
	}
	if got := k.remote.Confided(k.tb, lee); len(got) != 0 {
		k.tb.Errorf("somebody else reads %d messages", len(got))
	}
	if err := k.noted(c.Confide(ctx, kim, text)); err != nil {
		k.tb.Fatalf("the second time: %v", err)
	}
	k.await("the person reads the second", func() bool { return len(k.remote.Confided(k.tb, kim)) == 2 })
}

// What is told in private is no message of a linked chat, and nothing of it is
// delivered.
func confideNoEvent(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	k.fence(kim, chat)
	ctx, cancel := k.settle()
	defer cancel()
	if err := k.noted(k.confidant().Confide(ctx, kim, k.say("in private"))); err != nil {
		k.tb.Fatalf("Confide: %v", err)
	}
	k.fence(kim, chat)
	if got := len(k.sink.Messages(chat)); got != 2 {
		k.tb.Errorf("%d messages were delivered, want the 2 that were posted", got)
	}
	if got := len(k.remote.Messages(k.tb, chat)); got != 2 {
		k.tb.Errorf("the chat shows %d messages, want the 2 that were posted", got)
	}
}

func confideRefusals(k *kit) {
	c := k.confidant()
	ctx, cancel := k.settle()
	defer cancel()
	for _, who := range []bridge.UserID{"", "nobody", bridge.UserID(strings.Repeat("z", 26))} {
		if err := k.noted(c.Confide(ctx, who, k.say("to nobody"))); !errors.Is(err, bridge.ErrNotFound) {
			k.tb.Errorf("to nobody: %v, want %v", err, bridge.ErrNotFound)
		}
	}
}
