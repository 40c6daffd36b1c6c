package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// questions returns what asks for a value that a flag did not give. A flag's
// value is never asked for again; without an answer the command ends.
func (a *app) questions() func(question, flagName, proposal string, into *string) error {
	lines := bufio.NewScanner(a.in)
	return func(question, flagName, proposal string, into *string) error {
		if *into != "" {
			return nil
		}
		if proposal != "" {
			question += " [" + proposal + "]"
		}
		fmt.Fprint(a.out, question+": ")
		if !lines.Scan() {
			fmt.Fprintln(a.out)
			return &usageError{"no answer: give it with -" + flagName}
		}
		*into = strings.TrimSpace(lines.Text())
		if *into == "" {
			*into = proposal
		}
		return nil
	}
}

// discovered is what a homeserver tells about itself.
type discovered struct {
	address string // of its client API
	name    string // "" when it does not tell
}

// discover finds out a homeserver's address from its name (Matrix client-server
// API, /.well-known/matrix/client), or its name from its address (federation API,
// /_matrix/key/v2/server). What it cannot find out stays empty: the homeserver
// may not run yet.
func (a *app) discover(ctx context.Context, given string) discovered {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if !strings.Contains(given, "://") {
		found := discovered{address: "https://" + given, name: given}
		var wellKnown struct {
			Homeserver struct {
				BaseURL string `json:"base_url"`
			} `json:"m.homeserver"`
		}
		if askJSON(ctx, "https://"+given+"/.well-known/matrix/client", &wellKnown) == nil && wellKnown.Homeserver.BaseURL != "" {
			found.address = strings.TrimRight(wellKnown.Homeserver.BaseURL, "/")
		}
		return found
	}
	var key struct {
		ServerName string `json:"server_name"`
	}
	if err := askJSON(ctx, strings.TrimRight(given, "/")+"/_matrix/key/v2/server", &key); err != nil {
		return discovered{address: given}
	}
	return discovered{address: given, name: key.ServerName}
}

// askJSON reads a small JSON answer.
func askJSON(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	answer, err := (&http.Client{}).Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s: answer %d", address, answer.StatusCode)
	}
	return json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(into)
}
