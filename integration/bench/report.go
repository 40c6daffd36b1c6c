package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is what was measured.
type report struct {
	loads    []row
	backlogs []backlogRow
	idles    []idleRow
	failings []failingRow
	threes   []threeRow
	files    []fileRow
	crowds   []crowdRow
	storms   []stormRow
}

// print shows a table for each scenario, and fails when a message came twice, out
// of order, or not at all.
func (r *report) print(p plan) error {
	if len(r.loads)+len(r.backlogs)+len(r.idles)+len(r.failings)+len(r.threes)+len(r.files)+len(r.crowds)+len(r.storms) == 0 {
		return nil
	}
	fmt.Printf("\nThe gateway alone between instant peers: %d portals, %d cores, %s, %s\n", p.portals, runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format("2006-01-02"))
	problems := slices.Concat(r.printLoads(), r.printBacklogs(), r.printIdles(), r.printFailings(), r.printThrees(), r.printFiles(), r.printCrowds(), r.printStorms())
	if len(problems) > 0 {
		return fmt.Errorf("messages came doubled, out of order or not at all: %v", problems)
	}
	if len(r.loads)+len(r.backlogs)+len(r.failings)+len(r.threes)+len(r.crowds)+len(r.storms) > 0 {
		fmt.Println("\nOrder was kept in every portal, nothing came twice.")
	}
	return nil
}

// head prints the head of a table.
func head(title string, columns ...string) {
	fmt.Printf("\n%s\n\n| %s |\n|%s\n", title, strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

func (r *report) printLoads() (problems []string) {
	if len(r.loads) == 0 {
		return nil
	}
	fmt.Println("\n| database | direction | messages/s | added at 100/s, p50 | p99 | all the way, p50 | p99 | CPU s per 1,000 (full load) | CPU s per 1,000 (100/s) | memory at most |")
	fmt.Println("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, l := range r.loads {
		fmt.Printf("| %s | %s | %.0f | %s | %s | %s | %s | %.2f | %.2f | %d MB |\n", l.database, l.direction, l.rate,
			ms(l.p50), ms(l.p99), ms(l.through50), ms(l.through99), l.cpu.Seconds(), l.cpuSlow.Seconds(), l.rss>>20)
		problems = append(problems, l.problems...)
	}
	fmt.Println("\nAdded: from taking a message in until its send starts. All the way: from the socket on one side to the socket on the")
	fmt.Println("other; the Mattermost bridge holds posts back for at least 4 ms, to put those written at the same moment in order.")
	return problems
}

func (r *report) printBacklogs() (problems []string) {
	if len(r.backlogs) == 0 {
		return nil
	}
	head("A backlog, Mattermost to Matrix, while the homeserver is away; the gateway is started again with it",
		"database", "messages", "accepted/s", "memory at most", "stop", "start", "connected", "first message after its return", "drained/s", "memory at most")
	for _, l := range r.backlogs {
		fmt.Printf("| %s | %d | %.0f | %d MB | %s | %s | %s | %s | %.0f | %d MB |\n", l.database, l.messages, l.accepted, l.filling>>20,
			seconds(l.stop), seconds(l.ready), seconds(l.socket), seconds(l.resumed), l.drained, l.draining>>20)
		problems = append(problems, l.problems...)
	}
	return problems
}

func (r *report) printIdles() (problems []string) {
	if len(r.idles) == 0 {
		return nil
	}
	head("Nothing to do", "database", "portals", "people", "start", "connected", "all chats read", "memory", "memory at most", "CPU, of one core")
	for _, l := range r.idles {
		fmt.Printf("| %s | %d | %d | %s | %s | %s | %d MB | %d MB | %.1f %% |\n", l.database, l.portals, l.people,
			seconds(l.ready), seconds(l.socket), seconds(l.caughtUp), l.rss>>20, l.hwm>>20, 100*l.cpu)
	}
	return nil // no message crossed
}

func (r *report) printFailings() (problems []string) {
	if len(r.failings) == 0 {
		return nil
	}
	head(fmt.Sprintf("One chat fails (%s), 100 messages per second in the others: all the way", r.failings[0].how),
		"database", "direction", "p50 before", "while", "after", "p99 before", "while", "after", "waited in the failing chat", "delivered after its recovery")
	for _, l := range r.failings {
		fmt.Printf("| %s | %s | %s | %s | %s | %s | %s | %s | %d | %s |\n", l.database, l.direction, ms(l.p50[0]), ms(l.p50[1]), ms(l.p50[2]),
			ms(l.p99[0]), ms(l.p99[1]), ms(l.p99[2]), l.behind, seconds(l.healed))
		problems = append(problems, l.problems...)
	}
	fmt.Println("\nWhen before and after differ, the machine was busy with something else.")
	return problems
}

func (r *report) printThrees() (problems []string) {
	if len(r.threes) == 0 {
		return nil
	}
	head("Three processes on one PostgreSQL database; the homeserver pushes to each in turn",
		"direction", "messages/s", "CPU s per 1,000 (all)", "memory at most (all)")
	for _, l := range r.threes {
		fmt.Printf("| %s | %.0f | %.2f | %d MB |\n", l.direction, l.rate, l.cpu.Seconds(), l.rss>>20)
		problems = append(problems, l.problems...)
	}
	return problems
}

func (r *report) printFiles() (problems []string) {
	if len(r.files) == 0 {
		return nil
	}
	head("One large file", "database", "direction", "size", "time", "extra memory at most")
	for _, l := range r.files {
		fmt.Printf("| %s | %s | %d MB | %s | %.1f MB |\n", l.database, l.direction, l.size>>20, seconds(l.took), float64(l.extra)/(1<<20))
		problems = append(problems, l.problems...)
	}
	return problems
}

func (r *report) printCrowds() (problems []string) {
	if len(r.crowds) == 0 {
		return nil
	}
	head(fmt.Sprintf("%d people join one chat, 100 messages per second in all chats, that one too: all the way", r.crowds[0].people),
		"database", "direction", "p50 before", "while", "p99 before", "while", "ghosts that join, per second", "all have joined after", "memory at most")
	for _, l := range r.crowds {
		complete := "not waited for"
		if l.complete > 0 {
			complete = seconds(l.complete)
		}
		fmt.Printf("| %s | %s | %s | %s | %s | %s | %.0f | %s | %d MB |\n", l.database, l.direction, ms(l.p50[0]), ms(l.p50[1]),
			ms(l.p99[0]), ms(l.p99[1]), l.joined, complete, l.rss>>20)
		problems = append(problems, l.problems...)
	}
	return problems
}

func (r *report) printStorms() (problems []string) {
	if len(r.storms) == 0 {
		return nil
	}
	head(fmt.Sprintf("%d people react to one message, in each of %d chats, 100 messages per second in all chats: all the way", stormPeople, stormChats),
		"database", "direction", "p50 before", "while", "p99 before", "while", "reactions that crossed")
	for _, l := range r.storms {
		fmt.Printf("| %s | %s | %s | %s | %s | %s | %d |\n", l.database, l.direction, ms(l.p50[0]), ms(l.p50[1]), ms(l.p99[0]), ms(l.p99[1]), l.crossed)
		problems = append(problems, l.problems...)
	}
	return problems
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
