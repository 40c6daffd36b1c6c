// Command prepare installs everything the integration tests and the
// demonstration need: the servers into the cache and, when it runs as root on
// Debian, missing system packages. It prints what it does and can be repeated;
// what is there is not touched.
//
//	go run ./integration/harness/prepare [server ...]
//
// Without arguments all servers are installed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/steg-bridge/steg/integration/harness"
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := prepare(ctx, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "prepare:", err)
		stop()
		os.Exit(1)
	}
}

// prepare installs the system packages, then the named servers.
func prepare(ctx context.Context, names []string) error {
	begin := time.Now()
	servers := harness.Servers()
	if len(names) > 0 {
		servers = nil
		for _, name := range names {
			servers = append(servers, harness.Server(name))
		}
	}
	if err := installPackages(ctx, say); err != nil {
		return err
	}
	for _, server := range servers {
		dir, err := harness.Install(ctx, server, say)
		if err != nil {
			return err
		}
		say(fmt.Sprintf("%s: ready in %s", server, dir))
	}
	say(fmt.Sprintf("all done in %s", time.Since(begin).Round(time.Millisecond)))
	return nil
}

func say(line string) { fmt.Println(line) }
