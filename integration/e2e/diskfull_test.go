package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steg-bridge/steg/integration/world"
)

// smallDisk mounts a disk of a few megabytes and returns its path.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", megabytes), "tmpfs", dir).CombinedOutput()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI must be able to mount a small disk: %v: %s", err, out)
		}
		t.Skipf("FULL DISK NOT TESTED: mounting a small disk needs root: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "umount", "--lazy", dir).CombinedOutput(); err != nil {
			t.Errorf("unmount: %v: %s", err, out)
		}
	})
	return dir
}

// fill writes a file until the disk is full, and returns its path.
func fill(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	file, err := os.Create(path)
	check(t, err)
	defer file.Close()
	for size := 64 << 10; size > 0; {
		if _, err := file.Write(make([]byte, size)); err != nil {
			size /= 2 // the last bytes, too
		}
	}
	return path
}

// TestDiskFull lets people go on while Steg's disk is full: Steg says so, takes
// nothing in, loses nothing, and goes on by itself once there is space; also when
// it was killed meanwhile.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	full(t, func(t *testing.T, kind world.Kind) {
		disk := smallDisk(t, 16)
		w := running(t, world.Options{
			Homeserver: kind, Mattermost: worlds.Mattermost(t),
			Edit: func(config string) string {
				text, err := world.ReplaceLine(config, `database: .*`, "database: sqlite:"+filepath.Join(disk, "steg.db"))
				check(t, err)
				return text
			},
		})
		a, b := openAs(t, w, "teachers-write", "both"), openAs(t, w, "pupils-write", "both")
		long := strings.Repeat(" and so on", 1000)
		for round, back := range []func(){
			func() {},
			func() { check(t, errors.Join(w.Gateway.Kill(), w.Gateway.Start(soon(t)))) },
		} {
			text := func(what string) string { return fmt.Sprintf("round %d: %s", round, what) }
			a.post(w.Anna, text("before"))
			b.say(w.Carla, text("before"))
			a.onMatrix(text("before"))
			b.onMattermost(text("before"))

			filler := fill(t, disk)
			for i := range 40 { // more than fits into what SQLite has reserved
				a.post(w.Anna, text(fmt.Sprint("post ", i))+long)
				b.say(w.Carla, text(fmt.Sprint("message ", i))+long)
			}
			check(t, world.Until(soon(t), "Steg to say that the disk is full", func(ctx context.Context) error {
				answer, err := w.Gateway.Command(ctx, "health")
				if err == nil && (answer.Code == 0 || !strings.Contains(answer.Text(), "disk of the database is full: free some space")) {
					err = fmt.Errorf("steg health: %d: %s", answer.Code, answer.Text())
				}
				return err
			}))
			check(t, os.Remove(filler))
			back()
			a.agree()
			b.agree()
		}
		check(t, w.Gateway.Settled(soon(t)))
	})
}
