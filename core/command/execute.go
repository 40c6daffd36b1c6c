package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

const help = `I join chats of other networks to Matrix rooms. Commands:
status – what is linked, what waits, what became of everything
link BRIDGE CHAT [--mode MODE] [--room ROOM] [--member WHO] [--school SCHOOL] – join a chat to a new room, or to an existing one
unlink BRIDGE CHAT – end it; the room stays
mode BRIDGE CHAT MODE – announce (to Matrix only), both, inbox (from Matrix only) or off
deadletters – what could not cross
replay NUMBER – send one of them again
discard NUMBER – give one of them up
A chat is written as its network does, such as team/channel. --member (for the room of a private chat) is a Matrix ID or a pattern such as @*:server and may stand several times.`

// Execute carries out a line that somebody wrote to the bot and returns the
// answer. That the message was direct and unedited is for the engine to check.
func (o *Operator) Execute(ctx context.Context, who id.UserID, text string) string {
	if who == "" {
		return "" // only a process that reads the configuration is the operator
	}
	c := Caller{User: who}
	words, wrong := split(text)
	if len(words) > 0 && strings.EqualFold(strings.TrimLeft(words[0], "!/"), "steg") {
		words = words[1:]
	}
	verb := "help"
	var args []string
	if len(words) > 0 {
		verb, args = strings.ToLower(strings.TrimLeft(words[0], "!/")), words[1:]
	}
	if err := o.allow(c); err != nil && (verb != "identity" || wrong != nil) {
		if o.puppets() == nil && verb == "help" {
			return personHelp
		}
		return o.answer(ctx, "", err)
	}
	if wrong != nil {
		return o.answer(ctx, "", wrong)
	}
	var reply string
	var err error
	switch verb {
	case "help":
		return o.help()
	case "identity":
		reply, err = o.executeIdentity(ctx, c, args)
	case "identities":
		reply, err = o.executeIdentities(ctx, c)
	case "status":
		reply, err = o.executeStatus(ctx, c)
	case "link":
		reply, err = o.executeLink(ctx, c, args)
	case "unlink":
		reply, err = o.executeUnlink(ctx, c, args)
	case "mode":
		reply, err = o.executeMode(ctx, c, args)
	case "deadletters":
		reply, err = o.executeLetters(ctx, c)
	case "replay":
		reply, err = executeNumber(args, "replay", "Dead letter %d goes out again.", func(n int64) error { return o.Replay(ctx, c, n) })
	case "discard":
		reply, err = executeNumber(args, "discard", "Dead letter %d is discarded.", func(n int64) error { return o.Discard(ctx, c, n) })
	default:
		return "I do not know this command. Write help for what I can do."
	}
	return o.answer(ctx, reply, err)
}

// help tells administrators what they can write.
func (o *Operator) help() string {
	if o.puppets() != nil {
		return help
	}
	return help + "\n" + identityHelp
}

// answer turns an error into words for the person who asked. Trouble of the
// gateway itself goes to the log.
func (o *Operator) answer(ctx context.Context, reply string, err error) string {
	if err == nil {
		return reply
	}
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused.Text
	}
	o.opts.Log.LogAttrs(ctx, slog.LevelWarn, "command failed", slog.String("error", err.Error()))
	return "That did not work: the gateway has trouble right now. Try again in a minute; who runs it finds the reason in its log."
}

func (o *Operator) executeStatus(ctx context.Context, c Caller) (string, error) {
	s, err := o.Status(ctx, c)
	if err != nil {
		return "", err
	}
	return s.text(o.opts.Now()), nil
}

func (o *Operator) executeLink(ctx context.Context, c Caller, args []string) (string, error) {
	var r LinkRequest
	flags := flag.NewFlagSet("link", flag.ContinueOnError)
	flags.StringVar((*string)(&r.School), "school", "", "")
	flags.StringVar(&r.Room, "room", "", "")
	flags.StringVar((*string)(&r.Mode), "mode", "", "")
	flags.Func("member", "", func(m string) error { r.Members = append(r.Members, m); return nil })
	names, err := parse(flags, args)
	if err != nil || len(names) != 2 {
		return "", refuse("Write: link BRIDGE CHAT [--mode MODE] [--room ROOM] [--member WHO] [--school SCHOOL]")
	}
	r.Bridge, r.Chat = bridge.ID(names[0]), names[1]
	p, err := o.Link(ctx, c, r)
	if err != nil {
		return "", err
	}
	return Linked(p), nil
}

func (o *Operator) executeUnlink(ctx context.Context, c Caller, args []string) (string, error) {
	if len(args) != 2 {
		return "", refuse("Write: unlink BRIDGE CHAT")
	}
	p, err := o.Unlink(ctx, c, bridge.ID(args[0]), args[1])
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s is no longer linked. The room stays as it is.", p.Bridge, p.Ref), nil
}

func (o *Operator) executeMode(ctx context.Context, c Caller, args []string) (string, error) {
	if len(args) != 3 {
		return "", refuse("Write: mode BRIDGE CHAT MODE, with announce, both, inbox or off")
	}
	p, err := o.SetMode(ctx, c, bridge.ID(args[0]), args[1], store.Mode(strings.ToLower(args[2])))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s: mode %s (%s).", p.Bridge, p.Ref, p.Mode, Meaning(p.Mode)), nil
}

func (o *Operator) executeLetters(ctx context.Context, c Caller) (string, error) {
	const most = 30
	letters, err := o.DeadLetters(ctx, c, most+1)
	if err != nil {
		return "", err
	}
	if len(letters) == 0 {
		return "There are no dead letters.", nil
	}
	var out strings.Builder
	for i, l := range letters {
		if i == most {
			out.WriteString("… and more; these come first.\n")
			break
		}
		fmt.Fprintf(&out, "%d: %s %s, %s, since %s: %s\n", l.Number, l.Bridge, l.Ref, Direction(l.Dir), l.DeadAt.Format("2006-01-02 15:04 MST"), l.Reason)
	}
	return out.String() + "Write replay NUMBER or discard NUMBER.", nil
}

func executeNumber(args []string, name, done string, do func(int64) error) (string, error) {
	if len(args) != 1 {
		return "", refuse("Write: %s NUMBER", name)
	}
	number, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return "", refuse("Write: %s NUMBER, with a number that deadletters shows", name)
	}
	if err := do(number); err != nil {
		return "", err
	}
	return fmt.Sprintf(done, number), nil
}

// parse reads flags that may stand before, between and after the names.
func parse(flags *flag.FlagSet, args []string) (names []string, err error) {
	flags.SetOutput(io.Discard)
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return names, nil
		}
		names, args = append(names, flags.Arg(0)), flags.Args()[1:]
	}
}

// split cuts a line into words; quotes keep white space. Phones turn -- into a
// dash and quotes into curly ones, which is undone.
func split(text string) ([]string, error) {
	text = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, " —", " --", " –", " --").Replace(text)
	var words []string
	var word strings.Builder
	inWord, quoted := false, false
	for _, r := range text {
		switch {
		case r == '"':
			inWord, quoted = true, !quoted
		case !quoted && (r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\u00a0'):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quoted {
		return nil, refuse(`A quote (") is not closed.`)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
