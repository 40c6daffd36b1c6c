package world

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/steg-bridge/steg/integration/harness"
)

// codeTold is how a code stands in the message that a Mattermost account gets.
var codeTold = regexp.MustCompile(`identity mm (\d{4} \d{4})`)

// Prove links a teacher's Mattermost account to a Matrix account up to the approval,
// as people do: the bot is asked on Matrix, and the code comes on Mattermost. Steg
// must run.
func (w *World) Prove(ctx context.Context, teacher *Teacher, own *Pupil) (*Management, error) {
	bot, err := w.OpenManagement(ctx, own)
	if err != nil {
		return nil, err
	}
	if err := bot.expect(ctx, "identity mm "+teacher.MattermostPerson.Name, "private message"); err != nil {
		return nil, err
	}
	direct, err := teacher.DirectChannel(ctx, w.Bot.ID)
	if err != nil {
		return nil, err
	}
	told, err := teacher.WaitFor(ctx, direct, func(p harness.MattermostPost) bool { return codeTold.MatchString(p.Message) })
	if err != nil {
		return nil, err
	}
	if who := strings.NewReplacer("\u200b", "", `\`, "").Replace(told.Message); !strings.Contains(who, own.UserID.String()) {
		return nil, fmt.Errorf("the message does not say who asks: %s", told.Message)
	}
	if err := bot.expect(ctx, "identity mm 0000 0000", "not the code"); err != nil {
		return nil, err
	}
	return bot, bot.expect(ctx, "identity mm "+codeTold.FindStringSubmatch(told.Message)[1], "administrators must approve")
}

// Pair is Prove with the operator's approval.
func (w *World) Pair(ctx context.Context, teacher *Teacher, own *Pupil) error {
	if _, err := w.Prove(ctx, teacher, own); err != nil {
		return err
	}
	list, err := w.Gateway.Do(ctx, "identity", "list")
	if err != nil {
		return err
	}
	number := regexp.MustCompile(`(?m)^(\d+) +\S+ +proven .*` + regexp.QuoteMeta(own.UserID.String())).FindStringSubmatch(list)
	if number == nil {
		return fmt.Errorf("%s does not wait for approval:\n%s", own.UserID, list)
	}
	_, err = w.Gateway.Do(ctx, "identity", "approve", number[1])
	return err
}

// expect asks the bot and wants words in the answer.
func (m *Management) expect(ctx context.Context, command, want string) error {
	answer, err := m.Ask(ctx, command)
	if err == nil && !strings.Contains(answer, want) {
		err = fmt.Errorf("%q: no %q in the answer: %s", command, want, answer)
	}
	return err
}
