package harness_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/steg-bridge/steg/integration/harness"
)

func shell(t *testing.T, script string) *harness.Proc {
	t.Helper()
	p := harness.NewProc(harness.Command{
		Name: "shell", Path: "/bin/sh", Args: []string{"-c", script}, Dir: t.TempDir(),
		Env: []string{"PATH=/usr/bin:/bin"}, StopTimeout: 100 * time.Millisecond,
	})
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestProcStartsStopsAndStartsAgain(t *testing.T) {
	t.Parallel()
	p := shell(t, "exec sleep 60")
	for range 2 {
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !p.Running() || p.PID() == 0 {
			t.Fatal("not running after Start")
		}
		if err := p.Start(t.Context()); err == nil {
			t.Fatal("second Start of a running process succeeded")
		}
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p.Running() || p.PID() != 0 {
			t.Fatal("running after Stop")
		}
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatalf("Stop of a stopped process: %v", err)
	}
	if err := p.Freeze(); err == nil {
		t.Fatal("Freeze of a stopped process succeeded")
	}
}

func TestProcStopKillsTheStubborn(t *testing.T) {
	t.Parallel()
	p := shell(t, `trap "" TERM; echo up; while :; do sleep 0.01; done`)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool { return strings.Contains(p.LogTail(), "up") })
	begin := time.Now()
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Running() {
		t.Fatal("running after Stop")
	}
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Fatalf("killed after %s, before the stop timeout", took)
	}
}

func TestProcStopsWhileFrozen(t *testing.T) {
	t.Parallel()
	p := shell(t, "exec sleep 60")
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Freeze(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool { return processState(t, p.PID()) == "T" })
	if err := p.Thaw(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool { return processState(t, p.PID()) == "S" })
	if err := p.Freeze(); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestProcReportsTheLogOfAnEarlyEnd(t *testing.T) {
	t.Parallel()
	p := harness.NewProc(harness.Command{
		Name: "shell", Path: "/bin/sh", Args: []string{"-c", "echo no such port >&2; exit 3"}, Dir: t.TempDir(),
		Ready: func(context.Context) error { return errors.New("no answer") },
	})
	err := p.Start(t.Context())
	if err == nil {
		t.Fatal("Start succeeded")
	}
	for _, want := range []string{"no such port", "exit status 3", "no answer"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
}

func TestProcIsKilledWhenNotReadyInTime(t *testing.T) {
	t.Parallel()
	p := harness.NewProc(harness.Command{
		Name: "shell", Path: "/bin/sh", Args: []string{"-c", "exec sleep 60"}, Dir: t.TempDir(),
		Ready:        func(context.Context) error { return errors.New("no answer") },
		ReadyTimeout: 50 * time.Millisecond,
	})
	if err := p.Start(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Start: %v, want a deadline", err)
	}
	if p.Running() {
		t.Fatal("left running")
	}
}

func TestProcUsage(t *testing.T) {
	t.Parallel()
	p := shell(t, "while :; do :; done")
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool {
		usage, err := p.Usage()
		if err != nil {
			t.Fatal(err)
		}
		return usage.CPU > 0 && usage.Memory > 100<<10
	})
}

// orphanMaker makes the test binary start a process, print its number and wait
// to be killed.
const orphanMaker = "STEG_TEST_ORPHAN_DIR"

func makeOrphan(dir string) {
	p := harness.NewProc(harness.Command{Name: "sleep", Path: "/bin/sleep", Args: []string{"60"}, Dir: dir})
	if err := p.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.PID())
	<-p.Exited()
}

func TestProcDiesWithItsParent(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), self)
	parent.Env = append(os.Environ(), orphanMaker+"="+t.TempDir())
	var out lockedBuffer
	parent.Stdout = &out
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool { return strings.Contains(out.String(), "\n") })
	pid, err := strconv.Atoi(strings.TrimSpace(out.String()))
	if err != nil {
		t.Fatalf("parent printed %q", out.String())
	}
	if state := processState(t, pid); state == "" {
		t.Fatal("child is not running while its parent is")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	waitUntil(t, func() bool { state := processState(t, pid); return state == "" || state == "Z" })
}

// processState returns the letter of a process's state, or "" when it is gone.
func processState(t *testing.T, pid int) string {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := bytes.Cut(raw, []byte(") "))
	return string(rest[:1])
}
