package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Command describes a server process. The zero values of the optional fields
// are usable.
type Command struct {
	Name string   // for error texts
	Path string   // program
	Args []string // arguments, without the program's name
	Dir  string   // working directory, must exist
	Env  []string // the whole environment; nothing is inherited
	Log  string   // file to which output is appended; default Dir/Name.log

	// Ready reports nil as soon as the server can be used. It is called again
	// and again with a short deadline until then. Nil means ready at once.
	Ready func(ctx context.Context) error
	// ReadyTimeout bounds the start; default one minute.
	ReadyTimeout time.Duration

	StopSignal  syscall.Signal // default SIGTERM
	StopTimeout time.Duration  // then SIGKILL; default 10 seconds
	DeathSignal syscall.Signal // when the parent dies; default SIGKILL

	// Credential runs the process as another account; nil means as ourselves.
	Credential *syscall.Credential
}

// Proc is one server process that can be started many times on the same data.
// Its methods may be called by several goroutines at once.
//
// While the process runs, one goroutine with a system thread of its own waits
// for it; it ends with the process.
type Proc struct {
	command Command

	mu    sync.Mutex
	child *child // nil before the first start
}

// child is one run of the process.
type child struct {
	process *os.Process
	done    chan struct{} // closed when the process has ended and err is set
	err     error
}

// NewProc returns a process that has not been started.
func NewProc(command Command) *Proc {
	if command.Log == "" {
		command.Log = filepath.Join(command.Dir, command.Name+".log")
	}
	if command.ReadyTimeout == 0 {
		command.ReadyTimeout = time.Minute
	}
	if command.StopSignal == 0 {
		command.StopSignal = syscall.SIGTERM
	}
	if command.StopTimeout == 0 {
		command.StopTimeout = 10 * time.Second
	}
	if command.DeathSignal == 0 {
		command.DeathSignal = syscall.SIGKILL
	}
	return &Proc{command: command}
}

// Start starts the process and returns when it is ready. When the process ends
// early, is not ready in time or ctx ends, Start kills it and returns an error
// with the last lines of its log. Starting a running process is an error.
func (p *Proc) Start(ctx context.Context) error {
	p.mu.Lock()
	if p.child != nil && p.child.running() {
		p.mu.Unlock()
		return fmt.Errorf("start %s: already running", p.command.Name)
	}
	run, err := p.spawn()
	if err != nil {
		p.mu.Unlock()
		return fmt.Errorf("start %s: %w", p.command.Name, err)
	}
	p.child = run
	p.mu.Unlock()

	if err := p.awaitReady(ctx, run); err != nil {
		_ = run.signal(syscall.SIGKILL)
		<-run.done
		return fmt.Errorf("start %s: %w; end of its log:\n%s", p.command.Name, err, tail(p.command.Log))
	}
	return nil
}

// Stop asks the process to end, kills it after the stop timeout or when ctx
// ends, and returns when it has gone. Stopping a process that does not run is
// not an error. The exit status is not judged.
func (p *Proc) Stop(ctx context.Context) error {
	run := p.current()
	if run == nil {
		return nil
	}
	// A frozen process cannot handle its stop signal.
	_ = run.signal(syscall.SIGCONT)
	if err := run.signal(p.command.StopSignal); err != nil {
		return fmt.Errorf("stop %s: %w", p.command.Name, err)
	}
	timer := time.NewTimer(p.command.StopTimeout)
	defer timer.Stop()
	select {
	case <-run.done:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return p.Kill()
}

// Kill ends the process with SIGKILL, as a crash would, and returns when it has
// gone. Killing a process that does not run is not an error.
func (p *Proc) Kill() error {
	run := p.current()
	if run == nil {
		return nil
	}
	if err := run.signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %s: %w", p.command.Name, err)
	}
	<-run.done
	return nil
}

// Restart stops the process and starts it again on the same data and port.
func (p *Proc) Restart(ctx context.Context) error {
	if err := p.Stop(ctx); err != nil {
		return err
	}
	return p.Start(ctx)
}

// Freeze stops the process from running without ending it: its connections
// stay open and nothing answers. Only the process itself is frozen, not its
// children.
func (p *Proc) Freeze() error { return p.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (p *Proc) Thaw() error { return p.Signal(syscall.SIGCONT) }

// Signal sends sig to the process. It is an error when it does not run.
func (p *Proc) Signal(sig syscall.Signal) error {
	run := p.current()
	if run == nil {
		return fmt.Errorf("signal %s: not running", p.command.Name)
	}
	if err := run.signal(sig); err != nil {
		return fmt.Errorf("signal %s: %w", p.command.Name, err)
	}
	return nil
}

// Running reports whether the process exists; a frozen one does.
func (p *Proc) Running() bool { return p.current() != nil }

// PID returns the process number, or 0 when the process does not run.
func (p *Proc) PID() int {
	if run := p.current(); run != nil {
		return run.process.Pid
	}
	return 0
}

// Exited returns a channel that is closed when the present run of the process
// has ended. Before the first start the channel is closed already.
func (p *Proc) Exited() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child != nil {
		return p.child.done
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// LogPath returns the file that collects the output of all runs.
func (p *Proc) LogPath() string { return p.command.Log }

// LogTail returns the last lines of the log.
func (p *Proc) LogTail() string { return tail(p.command.Log) }

// current returns the run in progress or nil.
func (p *Proc) current() *child {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil || !p.child.running() {
		return nil
	}
	return p.child
}

// spawn starts the process. The kernel sends the death signal when the *thread*
// that started the process ends, so the starting goroutine keeps its thread
// until the process has ended.
func (p *Proc) spawn() (*child, error) {
	log, err := os.OpenFile(p.command.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(p.command.Path, p.command.Args...)
	cmd.Dir, cmd.Env = p.command.Dir, p.command.Env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = procAttr(p.command)

	run := &child{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = log.Close() }()
		err := cmd.Start()
		if err == nil {
			run.process = cmd.Process
		}
		started <- err
		if err != nil {
			return
		}
		run.err = cmd.Wait()
		close(run.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return run, nil
}

// awaitReady polls the server until it answers.
func (p *Proc) awaitReady(ctx context.Context, run *child) error {
	if p.command.Ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.command.ReadyTimeout)
	defer cancel()
	var last error
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		if last = p.attempt(ctx); last == nil {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-run.done:
			timer.Stop()
			return fmt.Errorf("ended before it was ready: %w", errors.Join(run.err, last))
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("not ready: %w", errors.Join(ctx.Err(), last))
		case <-timer.C:
		}
	}
}

// attempt asks once whether the server is ready.
func (p *Proc) attempt(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return p.command.Ready(ctx)
}

func (c *child) running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// signal sends sig. A process that has just ended is not an error.
func (c *child) signal(sig syscall.Signal) error {
	if err := c.process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}
