package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set when the program is built: see the Makefile.
var version = ""

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(mainCode())
}

// mainCode runs the program and returns its exit code. The first signal ends the
// command gracefully, the second one ends the process.
func mainCode() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	a := &app{in: os.Stdin, out: os.Stdout, errs: os.Stderr, env: os.LookupEnv}
	return a.main(ctx, os.Args[1:])
}

// app is the process as commands see it; tests make another one.
type app struct {
	in   io.Reader
	out  io.Writer
	errs io.Writer
	env  func(name string) (string, bool)
}

// subcommand is one command of the program.
type subcommand struct {
	name    string
	args    string // what follows the name, for help
	summary string
	run     func(ctx context.Context, a *app, c *call) error
}

// commands lists all subcommands in the order of help.
func commands() []subcommand {
	return []subcommand{
		{"init", "", "ask three questions and write a configuration and a registration", runInit},
		{"check", "", "look at configuration, database, homeserver and networks, and say what to change", runCheck},
		{"registration", "", "show what the homeserver must know, or write it to its file", runRegistration},
		{"run", "", "serve until SIGTERM", runRun},
		{"status", "", "show bridges, portals, what waits, and the account", runStatus},
		{"link", "BRIDGE CHAT", "join a chat to a new room, or to an existing one", runLink},
		{"unlink", "BRIDGE CHAT", "end that", runUnlink},
		{"mode", "BRIDGE CHAT MODE", "set what may cross: announce, both, inbox or off", runMode},
		{"deadletters", "[list | replay NUMBER | discard NUMBER]", "show and decide about what could not cross", runDeadLetters},
		{"identity", "[list | approve NUMBER | reject NUMBER | remove NUMBER]", "show and decide whose posts appear as their own Matrix account", runIdentity},
		{"health", "", "ask the running process whether it is well; for container health checks", runHealth},
		{"version", "", "show the version", runVersion},
	}
}

// call is one use of a subcommand: its flags, and after parse its names.
type call struct {
	subcommand

	flags  *flag.FlagSet
	config string   // path of the configuration
	args   []string // not parsed yet
	names  []string
}

// usageError is an error in how the program was called.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// errSilent ends a command as failed when everything has been said.
var errSilent = errors.New("failed")

// main runs the program with its arguments.
func (a *app) main(ctx context.Context, args []string) int {
	err := a.dispatch(ctx, args)
	usage, wrong := errors.AsType[*usageError](err)
	switch {
	case err == nil:
		return exitOK
	case wrong:
		fmt.Fprintln(a.errs, "steg: "+usage.text)
		return exitUsage
	case errors.Is(err, errSilent):
		return exitFailed
	}
	fmt.Fprintln(a.errs, "steg: "+err.Error())
	return exitFailed
}

// dispatch finds the subcommand and runs it.
func (a *app) dispatch(ctx context.Context, args []string) error {
	config := "steg.yaml"
	if path, set := a.env("STEG_CONFIG"); set && path != "" {
		config = path
	}
	global := flag.NewFlagSet("steg", flag.ContinueOnError)
	global.SetOutput(io.Discard)
	global.StringVar(&config, "config", config, "")
	if err := global.Parse(args); errors.Is(err, flag.ErrHelp) || err == nil && global.NArg() == 0 {
		a.help()
		return nil
	} else if err != nil {
		return &usageError{err.Error() + " (steg help lists commands)"}
	}
	name := global.Arg(0)
	if name == "help" {
		a.help()
		return nil
	}
	for _, cmd := range commands() {
		if cmd.name != name {
			continue
		}
		c := &call{subcommand: cmd, flags: flag.NewFlagSet(name, flag.ContinueOnError), args: global.Args()[1:]}
		c.flags.SetOutput(io.Discard)
		c.flags.StringVar(&c.config, "config", config, "the configuration `file`; also $STEG_CONFIG")
		err := cmd.run(ctx, a, c)
		if errors.Is(err, flag.ErrHelp) {
			a.helpOf(c)
			return nil
		}
		return err
	}
	return &usageError{fmt.Sprintf("there is no command %q (steg help lists them)", name)}
}

// parse reads the flags, which may stand between the names, and checks how many
// names there are.
func (c *call) parse(least, most int) error {
	for args := c.args; ; {
		if err := c.flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return err
		} else if err != nil {
			return &usageError{fmt.Sprintf("%s: %v (steg %s -h shows its flags)", c.name, err, c.name)}
		}
		if c.flags.NArg() == 0 {
			break
		}
		c.names, args = append(c.names, c.flags.Arg(0)), c.flags.Args()[1:]
	}
	if len(c.names) < least || len(c.names) > most {
		return &usageError{"write: steg " + c.line()}
	}
	return nil
}

// line is how the command is written.
func (c *subcommand) line() string {
	if c.args == "" {
		return c.name
	}
	return c.name + " " + c.args
}
