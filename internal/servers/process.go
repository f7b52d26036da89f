// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// readyWithin limits the time until a server answers. It is long because the machine
// may be busy. A dead server is noticed at once.
const readyWithin = 3 * time.Minute

// command says how to start a server.
type command struct {
	name string   // name of the server, for messages
	dir  string   // working directory, and directory of the log
	env  []string // whole environment; the test's variables must not configure a server
	path string
	args []string
}

// process is one run of a server.
type process struct {
	command
	pid     int
	logPath string
	proc    *os.Process
	ended   atomic.Bool   // set before kill kills the process
	exited  chan struct{} // closed when the process is gone, after exit is set
	exit    string        // exit status or signal
}

// diedError says that a server died by itself.
type diedError struct {
	name, exit, log string
}

func (e *diedError) Error() string {
	return fmt.Sprintf("%s died (%s); the end of its log:\n%s", e.name, e.exit, e.log)
}

// portTaken reports whether the server died because another process had one of its
// ports.
func (e *diedError) portTaken() bool { return strings.Contains(e.log, "address already in use") }

// start starts c. The caller must call kill.
func start(c command) (*process, error) {
	p := &process{command: c, logPath: filepath.Join(c.dir, "server.log"), exited: make(chan struct{})}
	// A restarted server appends to its log.
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	started := make(chan error, 1)
	go func() {
		// The kernel kills the child when the thread that started it ends, so this
		// goroutine keeps its thread until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close() // only the child writes to it

		cmd := exec.Command(c.path, c.args...)
		cmd.Dir, cmd.Env = c.dir, c.env
		cmd.Stdout, cmd.Stderr = log, log
		cmd.SysProcAttr = dieWithParent()
		err := cmd.Start()
		if err == nil {
			p.proc, p.pid = cmd.Process, cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		if err := cmd.Wait(); err != nil {
			p.exit = err.Error()
		} else {
			p.exit = "exit status 0"
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	return p, nil
}

// kill kills the process, and waits until it is gone. A second call has no effect.
func (p *process) kill() {
	p.ended.Store(true)
	// The only possible error is that the process is gone.
	_ = p.proc.Kill()
	<-p.exited
}

// terminate asks the process to end, as an orchestrator does (SIGTERM), and kills it if it
// has not ended within the patience. It returns when the process is gone.
func (p *process) terminate(patience time.Duration) {
	p.ended.Store(true)
	_ = p.proc.Signal(syscall.SIGTERM) // the only possible error is that the process is gone
	timer := time.AfterFunc(patience, p.kill)
	defer timer.Stop()
	<-p.exited
}

// died describes the end of the process, which must be gone.
func (p *process) died() *diedError {
	return &diedError{name: p.name, exit: p.exit, log: tail(p.logPath)}
}

// until calls ask until it returns nil. It returns a *diedError if the process dies,
// and another error if ctx ends.
func (p *process) until(ctx context.Context, ask func(context.Context) error) error {
	// The end of the process ends a running ask too.
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-p.exited:
			cancel()
		case <-stop:
		}
	}()

	// A process cannot tell that it is ready, so it is polled.
	timer := time.NewTimer(0)
	defer timer.Stop()
	last := errors.New("not asked yet")
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		select {
		case <-p.exited:
			return p.died()
		case <-ctx.Done():
			return fmt.Errorf("%w; the last answer of %s: %w; the end of its log:\n%s", context.Cause(ctx), p.name, last, tail(p.logPath))
		case <-timer.C:
		}
		err := ask(asking)
		if err == nil {
			return nil
		}
		last = err
		timer.Reset(wait)
	}
}

// ready starts c and waits until ask returns nil. On an error it kills the process.
func ready(t testing.TB, c command, ask func(context.Context) error) (*process, error) {
	p, err := start(c)
	if err != nil {
		return nil, err
	}
	ok := false
	defer func() {
		// ok is false too if ask panics or ends the test.
		if !ok {
			p.kill()
		}
	}()
	ctx, cancel := context.WithTimeoutCause(t.Context(), readyWithin, fmt.Errorf("%s was not ready within %v", c.name, readyWithin))
	defer cancel()
	if err := p.until(ctx, ask); err != nil {
		return nil, err
	}
	ok = true
	return p, nil
}

// guard fails the test and calls cancel if p dies by itself. The returned function
// kills p and ends the guard.
func guard(t testing.TB, p *process, cancel context.CancelCauseFunc) (end func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-p.exited
		if p.ended.Load() {
			return
		}
		err := p.died()
		t.Error(err)
		cancel(err)
	}()
	return func() {
		p.kill()
		<-done
	}
}

// tail returns the last lines of a log.
func tail(path string) string {
	const most = 3 << 10
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close() // only read
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		// A valid whence and offset cannot fail.
		_, _ = f.Seek(max(0, end-most), io.SeekStart)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	text := string(b)
	if len(b) == most {
		// The first line is incomplete.
		_, text, _ = strings.Cut(text, "\n")
	}
	return strings.TrimSpace(text)
}
