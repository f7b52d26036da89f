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
	"testing"
	"time"
)

// readyWithin bounds how long a server may take to answer. It is long because the machine may be busy: a dead
// server is noticed at once anyway.
const readyWithin = 3 * time.Minute

// command is what to start.
type command struct {
	name string   // of the server, for messages
	dir  string   // working directory, and home of the log
	env  []string // the whole environment: none of the test's own variables configures a server by accident
	path string
	args []string
}

// process is one run of a server.
type process struct {
	command
	pid     int
	logPath string
	proc    *os.Process
	ended   atomic.Bool   // set before it is killed on purpose
	exited  chan struct{} // closed once the process is gone; exit is set before
	exit    string        // how it ended
}

// diedError says that a server ended unasked.
type diedError struct {
	name, exit, log string
}

func (e *diedError) Error() string {
	return fmt.Sprintf("%s died (%s); the end of its log:\n%s", e.name, e.exit, e.log)
}

// portTaken says whether it died because somebody else took one of its ports meanwhile.
func (e *diedError) portTaken() bool { return strings.Contains(e.log, "address already in use") }

// start runs c. The caller must end the process with kill.
func start(c command) (*process, error) {
	p := &process{command: c, logPath: filepath.Join(c.dir, "server.log"), exited: make(chan struct{})}
	// Opened for append: the log of a restarted server follows that of its first life.
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	started := make(chan error, 1)
	go func() {
		// The child is to die with this process. The kernel ties that to the thread that started it, so the
		// goroutine keeps its thread until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close() // the child wrote it

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

// kill ends the process with SIGKILL and waits until it is gone. It may be called again.
func (p *process) kill() {
	p.ended.Store(true)
	// The only error is that it is gone already.
	_ = p.proc.Kill()
	<-p.exited
}

// died describes the end of the process; it must be gone.
func (p *process) died() *diedError {
	return &diedError{name: p.name, exit: p.exit, log: tail(p.logPath)}
}

// until asks until ask returns nil. It gives up as soon as the process is dead (*diedError) or ctx is done.
func (p *process) until(ctx context.Context, ask func(context.Context) error) error {
	// A running question ends with the process too.
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

	// A real server in another process cannot tell us when it is ready, so it is asked again and again.
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

// ready starts c and waits until ask returns nil; a process that does not get there is ended.
func ready(t testing.TB, c command, ask func(context.Context) error) (*process, error) {
	p, err := start(c)
	if err != nil {
		return nil, err
	}
	ok := false
	defer func() {
		// Also when ask panics or ends the test.
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

// guard fails the test, and ends ctx, as soon as p dies unasked. The returned function ends p and waits for the guard.
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
		// Whence and a non-negative offset are right, so this cannot fail.
		_, _ = f.Seek(max(0, end-most), io.SeekStart)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	text := string(b)
	if len(b) == most {
		// The first line is cut.
		_, text, _ = strings.Cut(text, "\n")
	}
	return strings.TrimSpace(text)
}
