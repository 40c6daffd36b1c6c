package queue_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/store"
	"github.com/steg-bridge/steg/core/store/storetest"
)

const worldLanes = 12

// world is everything around gateway processes: the sources, which offer a message
// until it is acknowledged, and the networks, which keep the journal.
type world struct {
	t     *testing.T
	db    storetest.DB
	url   string
	procs int

	mu    sync.Mutex
	lanes [worldLanes]worldLane
	over  bool // nothing new is offered
}

type worldLane struct {
	acked int // messages 0 … acked-1 were acknowledged
	seen  int // messages 0 … seen-1 were delivered
	lost  []string

	repeats   int // delivered again in doubt, right after the first time
	unflagged int // delivered again without doubt
	late      int // delivered again after a later one
}

func newWorld(t *testing.T, db storetest.DB, procs int) *world {
	t.Helper()
	w := &world{t: t, db: db, procs: procs}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /next", w.next)
	mux.HandleFunc("POST /ack", w.ack)
	mux.HandleFunc("POST /deliver", w.deliver)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

func number(r *http.Request, name string) int {
	n, err := strconv.Atoi(r.PostFormValue(name))
	if err != nil {
		return -1
	}
	return n
}

// next offers a lane's next message to the process whose turn it is: messages of
// a lane come through all processes in turn.
func (w *world) next(rw http.ResponseWriter, r *http.Request) {
	lane, me := number(r, "lane"), number(r, "me")
	limit := time.NewTimer(20 * time.Millisecond)
	defer limit.Stop()
	w.mu.Lock()
	n, over := w.lanes[lane].acked, w.over
	w.mu.Unlock()
	if over || (n+lane)%w.procs != me {
		select { // spare the machine
		case <-limit.C:
		case <-r.Context().Done():
		}
		return
	}
	_, _ = fmt.Fprint(rw, n)
}

func (w *world) ack(_ http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &w.lanes[number(r, "lane")]
	if number(r, "n") == l.acked {
		l.acked++
	}
}

func (w *world) deliver(_ http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l, n := &w.lanes[number(r, "lane")], number(r, "n")
	switch {
	case n == l.seen:
		l.seen++
	case n > l.seen:
		l.lost = append(l.lost, fmt.Sprintf("%d came before %d", n, l.seen))
		l.seen = n + 1
	case r.PostFormValue("uncertain") != "true":
		l.unflagged++
	case n < l.seen-1:
		l.late++
	default:
		l.repeats++
	}
}

// total is how many messages the networks have.
func (w *world) total() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.lanes {
		n += w.lanes[i].seen
	}
	return n
}

// proc is a running gateway process.
type proc struct {
	cmd    *exec.Cmd
	out    *bytes.Buffer
	exited chan error
}

func (w *world) start(me int) *proc {
	w.t.Helper()
	p := &proc{cmd: exec.Command(os.Args[0]), out: &bytes.Buffer{}, exited: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), childEnv+"="+w.url, "STEG_QUEUE_TEST_DSN="+w.db.DSN, fmt.Sprintf("STEG_QUEUE_TEST_ME=%d", me))
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	w.t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

func (p *proc) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal: %v; the process wrote: %s", err, p.out)
	}
}

// kill ends a process as a power button would.
func (p *proc) kill(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGKILL)
	if err := <-p.exited; err == nil || !p.killed() {
		t.Fatalf("the process ended by itself: %v: %s", err, p.out)
	}
}

func (p *proc) killed() bool {
	s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && s.Signaled()
}

// settle lets the processes finish what is there, stops them and checks the books.
func (w *world) settle(procs []*proc) worldLane {
	w.t.Helper()
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	st := w.db.Open(w.t)
	until(w.t, "everything is delivered", func() bool {
		a, err := st.Account(w.t.Context())
		return err == nil && a.Pending == 0 && a.Received > 0
	})
	for _, p := range procs {
		p.signal(w.t, syscall.SIGTERM)
		if err := <-p.exited; err != nil {
			w.t.Errorf("stop: %v: %s", err, p.out)
		}
	}
	verify(w.t, st)
	a, err := st.Account(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var sum worldLane
	for n := range w.lanes {
		l := &w.lanes[n]
		for _, s := range l.lost {
			w.t.Errorf("lane %d: lost or reordered: %s", n, s)
		}
		// The last message may be accepted without the acknowledgement having arrived.
		if l.seen < l.acked || l.seen > l.acked+1 {
			w.t.Errorf("lane %d: %d acknowledged, %d delivered", n, l.acked, l.seen)
		}
		sum.acked += l.acked
		sum.seen += l.seen
		sum.repeats += l.repeats
		sum.unflagged += l.unflagged
		sum.late += l.late
	}
	if a != (store.Account{Received: int64(sum.seen), Delivered: int64(sum.seen)}) {
		w.t.Errorf("account %+v, the networks have %d", a, sum.seen)
	}
	w.t.Logf("acknowledged %d, delivered %d, repeated in doubt %d, late %d, without doubt %d", sum.acked, sum.seen, sum.repeats, sum.late, sum.unflagged)
	return sum
}
