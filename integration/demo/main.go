// Command demo shows Steg at work between a real Mattermost and a real Matrix
// homeserver: it makes a small school, lets teachers on one side and pupils on
// the other write to each other, send pictures and react, kills Steg in the middle,
// stops Mattermost for a while, and then prints what both sides show. It succeeds
// only if both sides show the same.
//
//	make demo              # or: go run ./integration/demo
//	KEEP=1 make demo       # leave everything running, with addresses and logins
//
// HOMESERVER=synapse takes Synapse instead of Dendrite.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/world"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demonstrate(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "\nThe demonstration FAILED: %v\n", err)
		os.Exit(1)
	}
}

// demonstrate makes the world, plays, and takes the world down again.
func demonstrate(ctx context.Context) (err error) {
	clock := &clock{begin: time.Now()}
	kind := world.Kind(os.Getenv("HOMESERVER"))
	servers := []harness.Server{harness.MattermostServer, harness.DendriteServer}
	if kind == world.Synapse {
		servers[1] = harness.SynapseServer
	}
	for _, server := range servers {
		if _, err := harness.Install(ctx, server, clock.say); err != nil {
			return err
		}
	}
	clock.chapter("A school")
	w, err := world.New(ctx, world.Options{Homeserver: kind, Say: clock.say})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, keepLogs(w))
		}
		err = errors.Join(err, w.Close(ctx))
	}()
	p := &play{w: w, clock: clock}
	if err := p.perform(ctx); err != nil {
		return err
	}
	if os.Getenv("KEEP") == "1" {
		printAccess(w)
		<-ctx.Done()
		fmt.Println("\nStopping everything.")
	}
	return w.Gateway.Trouble()
}

// keepLogs saves the logs of a failed demonstration, since the world's folder
// goes away with it.
func keepLogs(w *world.World) error {
	dir, err := os.MkdirTemp("", "steg-demo-logs-")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "The logs are in", dir)
	return w.SaveLogs(dir)
}

// clock prints what happens, and when.
type clock struct{ begin time.Time }

func (c *clock) chapter(title string) { fmt.Printf("\n%s\n", title) }

func (c *clock) say(line string) { fmt.Printf("%6.1f s  %s\n", time.Since(c.begin).Seconds(), line) }

func (c *clock) sayf(format string, args ...any) { c.say(fmt.Sprintf(format, args...)) }
