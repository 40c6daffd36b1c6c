package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// help lists the commands.
func (a *app) help() {
	fmt.Fprintln(a.out, "steg joins the messengers of schools to Matrix.")
	fmt.Fprintln(a.out)
	fmt.Fprintln(a.out, "  steg [--config FILE] COMMAND")
	fmt.Fprintln(a.out)
	for _, c := range commands() {
		fmt.Fprintf(a.out, "  %-13s %s\n", c.name, c.summary)
	}
	fmt.Fprintln(a.out)
	fmt.Fprintln(a.out, "steg COMMAND -h shows a command's flags. The configuration is steg.yaml in the")
	fmt.Fprintln(a.out, "working directory, $STEG_CONFIG, or --config.")
}

// helpOf shows the flags of a command.
func (a *app) helpOf(c *call) {
	fmt.Fprintf(a.out, "  steg %s [flags]\n\n%s\n\n", c.line(), c.summary)
	c.flags.SetOutput(a.out)
	c.flags.PrintDefaults()
}

func runVersion(_ context.Context, a *app, c *call) error {
	if err := c.parse(0, 0); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "steg %s (%s, %s/%s)\n", versionName(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// versionName is the version that the build names, or the revision it was built
// from.
func versionName() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	name := info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && (name == "" || name == "(devel)") {
			name = setting.Value[:min(12, len(setting.Value))]
		}
	}
	if name == "" {
		return "unknown"
	}
	return name
}
