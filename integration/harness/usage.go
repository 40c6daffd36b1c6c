package harness

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTicks is the unit of the CPU times in /proc; the kernel's interface to
// user space fixes it at 100 per second on all platforms Go supports.
const clockTicks = 100

// Usage is what a server and its children use at one moment.
type Usage struct {
	Memory int64         // resident bytes; pages shared by several processes count for each
	CPU    time.Duration // user and system time since the process started
}

// Usage measures the process and its direct children, which for PostgreSQL are
// its connections. It reads /proc, hence works on Linux only.
func (p *Proc) Usage() (Usage, error) {
	root := p.PID()
	if root == 0 {
		return Usage{}, fmt.Errorf("measure %s: not running", p.command.Name)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return Usage{}, fmt.Errorf("measure %s: %w", p.command.Name, err)
	}
	var sum Usage
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		parent, usage, err := readStat(pid)
		if err != nil {
			continue // the process has ended in between
		}
		if pid == root || parent == root {
			sum.Memory += usage.Memory
			sum.CPU += usage.CPU
		}
	}
	if sum.Memory == 0 {
		return Usage{}, fmt.Errorf("measure %s: not found in /proc", p.command.Name)
	}
	return sum, nil
}

// readStat reads one process. The fields are numbered as in proc_pid_stat(5).
func readStat(pid int) (parent int, usage Usage, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, Usage{}, err
	}
	// The second field is the program's name in brackets and may hold anything.
	end := bytes.LastIndexByte(raw, ')')
	fields := strings.Fields(string(raw[end+1:]))
	const first, ppid, utime, stime, rss = 3, 4, 14, 15, 24
	if end < 0 || len(fields) <= rss-first {
		return 0, Usage{}, fmt.Errorf("unexpected form of /proc/%d/stat", pid)
	}
	parent, _ = strconv.Atoi(fields[ppid-first])
	user, _ := strconv.ParseInt(fields[utime-first], 10, 64)
	system, _ := strconv.ParseInt(fields[stime-first], 10, 64)
	pages, _ := strconv.ParseInt(fields[rss-first], 10, 64)
	usage.CPU = time.Duration(user+system) * time.Second / clockTicks
	usage.Memory = pages * int64(os.Getpagesize())
	return parent, usage, nil
}
