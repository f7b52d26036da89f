// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// MilvusLite is a milvus-lite of one test: one process of Python that speaks the protocol
// of Milvus. Its methods are safe for concurrent use.
type MilvusLite struct {
	port int
	ctx  context.Context
	proc *process
}

// StartMilvusLite starts an empty milvus-lite, and returns when it answers. The end of the
// test ends it. If milvus-lite is not installed, the test is skipped; with
// PENSTOCK_REQUIRE_REAL=1 it fails. Any number may run at a time, also beside a Milvus.
func StartMilvusLite(t testing.TB) *MilvusLite {
	t.Helper()
	install, err := milvusLiteInstall()
	if err != nil {
		skipOrFail(t, err)
	}
	m := &MilvusLite{}
	var died *diedError
	for range 2 {
		var c command
		c, err = m.command(install, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		m.proc, err = ready(t, c, func(ctx context.Context) error { return answersMilvus(ctx, m.Addr()) })
		// Another process may have taken the port since freePorts; one more try is
		// enough.
		if !errors.As(err, &died) || !died.portTaken() {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	m.ctx = ctx
	end := guard(t, m.proc, cancel)
	t.Cleanup(func() {
		end()
		cancel(nil)
	})
	return m
}

// Addr returns the server's address, host:port.
func (m *MilvusLite) Addr() string { return local(m.port) }

// PID returns the id of the server's process.
func (m *MilvusLite) PID() int { return m.proc.pid }

// Context returns the test's context. It ends too if the server dies by itself, with the
// reason as its cause.
func (m *MilvusLite) Context() context.Context { return m.ctx }

// Terminate ends the server as an orchestrator does: it asks it to end (SIGTERM), and
// kills it after half a minute. It returns when the process is gone.
func (m *MilvusLite) Terminate() { m.proc.terminate(30 * time.Second) }

// command returns the command that starts the server with its data in dir, on a free port.
func (m *MilvusLite) command(install, dir string) (command, error) {
	ports, err := freePorts("127.0.0.1", 1)
	if err != nil {
		return command{}, err
	}
	m.port = ports[0]
	return command{
		name: "milvus-lite",
		dir:  dir,
		env: []string{
			"PATH=" + os.Getenv("PATH"),
			"HOME=" + dir,
			"TMPDIR=" + dir,
			"PYTHONNOUSERSITE=1",        // the packages of the installation alone
			"PYTHONDONTWRITEBYTECODE=1", // the installation stays as its manifest says
			"PYTHONUNBUFFERED=1",        // the log has the last line of a server that died
		},
		path: filepath.Join(install, "bin", "python"),
		args: []string{"-m", "milvus_lite", "server", "--data-dir", filepath.Join(dir, "data"), "--host", "127.0.0.1", "--port", strconv.Itoa(m.port)},
	}, nil
}
