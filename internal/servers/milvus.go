// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

// Milvus is a real standalone Milvus of one test. Only the test's goroutine may
// call its methods.
type Milvus struct {
	t      testing.TB
	cmd    command
	port   int
	ctx    context.Context
	cancel context.CancelCauseFunc
	proc   *process
	end    func()
}

// StartMilvus starts an empty Milvus, and returns when it answers. The end of the
// test ends it. If Milvus is not installed, the test is skipped; with
// PENSTOCK_REQUIRE_REAL=1 it fails. At most one Milvus runs on the machine at a
// time: StartMilvus first waits for its turn.
func StartMilvus(t testing.TB) *Milvus {
	t.Helper()
	return startMilvus(t, "")
}

// MilvusTracing are the environment variables with which a Milvus exports its spans over
// OTLP by gRPC to the address (host:port). With a sampling of 0 it has spans for those
// requests alone that carry a sampled trace context.
func MilvusTracing(otlp string) map[string]string {
	return map[string]string{
		"TRACE_EXPORTER": "otlp", "TRACE_OTLP_ENDPOINT": otlp, "TRACE_OTLP_SECURE": "false", "TRACE_SAMPLEFRACTION": "0",
	}
}

// StartTracedMilvus is [StartMilvus] for a server that exports its spans over OTLP by
// gRPC to the address (host:port). Its own sampling is 0: it has spans for those
// requests alone that carry a sampled trace context. They belong to the services
// "standalone" and "segcore", and are exported about every five seconds.
func StartTracedMilvus(t testing.TB, otlp string) *Milvus {
	t.Helper()
	return startMilvus(t, otlp)
}

func startMilvus(t testing.TB, otlp string) *Milvus {
	t.Helper()
	install, err := milvusInstall()
	if err != nil {
		skipOrFail(t, err)
	}
	lock, err := lockFile(filepath.Join(filepath.Dir(install), "milvus.lock"))
	if err != nil {
		t.Fatal(err)
	}
	// The first cleanup runs last: the server is gone by then.
	t.Cleanup(func() { _ = lock.Close() })

	m := &Milvus{t: t}
	var died *diedError
	for range 2 {
		// Each try has a new directory, because a server that died at its start
		// leaves an incomplete one.
		m.cmd, m.port, err = milvusCommand(install, t.TempDir(), otlp)
		if err != nil {
			t.Fatal(err)
		}
		m.proc, err = ready(t, m.cmd, m.healthy)
		// Another process may have taken a port since freePorts; one more try is
		// enough.
		if !errors.As(err, &died) || !died.portTaken() {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	m.ctx, m.cancel = context.WithCancelCause(t.Context())
	m.end = guard(t, m.proc, m.cancel)
	t.Cleanup(func() {
		m.end()
		m.cancel(nil)
	})
	return m
}

// Addr returns the server's address, host:port. Restart does not change it.
func (m *Milvus) Addr() string { return local(m.port) }

// PID returns the id of the server's process. Restart changes it.
func (m *Milvus) PID() int { return m.proc.pid }

// Context returns the test's context. It ends too if the server dies by itself, with
// the reason as its cause. Kill does not end it.
func (m *Milvus) Context() context.Context { return m.ctx }

// Kill ends the server as a crash does (SIGKILL), and returns when the process is
// gone. A second call has no effect.
func (m *Milvus) Kill() { m.end() }

// Terminate ends the server as an orchestrator does: it asks it to end (SIGTERM), and
// kills it after half a minute. It returns when the process is gone.
func (m *Milvus) Terminate() { m.proc.terminate(30 * time.Second) }

// Restart kills the server if it runs, and starts it again with the same ports and
// data. It returns when the server answers operations, and fails the test if the
// server dies.
//
// For about half a minute the restarted server honours the etcd leases of its
// killed process, and may refuse to search a collection ("not loaded").
// WaitHealthy waits for the end of that.
func (m *Milvus) Restart() {
	m.t.Helper()
	m.Kill()
	p, err := ready(m.t, m.cmd, m.answers)
	if err != nil {
		m.t.Fatal(err)
	}
	m.proc = p
	m.end = guard(m.t, p, m.cancel)
}

// WaitHealthy returns when the server says that all its parts are healthy. It fails
// the test after three minutes, or if the server dies.
func (m *Milvus) WaitHealthy() {
	m.t.Helper()
	ctx, cancel := context.WithTimeoutCause(m.t.Context(), readyWithin, fmt.Errorf("not healthy within %v", readyWithin))
	defer cancel()
	if err := m.proc.until(ctx, m.healthy); err != nil {
		m.t.Fatal(err)
	}
}

// answers returns nil if an operation succeeds.
func (m *Milvus) answers(ctx context.Context) error { return answersMilvus(ctx, m.Addr()) }

// healthy returns nil if all parts of the server are healthy and an operation succeeds.
func (m *Milvus) healthy(ctx context.Context) error {
	err := askMilvus(ctx, m.Addr(), func(ctx context.Context, client milvuspb.MilvusServiceClient) error {
		health, err := client.CheckHealth(ctx, &milvuspb.CheckHealthRequest{})
		if err != nil {
			return err
		}
		if !health.GetIsHealthy() {
			return fmt.Errorf("not healthy: %v", health.GetReasons())
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.answers(ctx)
}

// milvusCommand writes the configuration of a server into dir, and returns the
// command that starts the server, and its port. otlp is where spans go, "" is nowhere.
func milvusCommand(install, dir, otlp string) (command, int, error) {
	fail := func(err error) (command, int, error) { return command{}, 0, fmt.Errorf("lay out Milvus: %w", err) }

	template, err := os.ReadFile(filepath.Join(install, "config.yaml.template"))
	if err != nil {
		return fail(err)
	}
	glog, err := os.ReadFile(filepath.Join(install, "glog.conf"))
	if err != nil {
		return fail(err)
	}
	config, err := newMilvusConfig(string(template), dir)
	if err != nil {
		return fail(err)
	}
	for _, sub := range []string{"configs", "data", "logs", "run"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return fail(err)
		}
	}
	for name, content := range map[string][]byte{
		"milvus.yaml": []byte(config.yaml),
		"etcd.yaml":   []byte(config.etcdYAML),
		"glog.conf":   glog,
	} {
		if err := os.WriteFile(filepath.Join(dir, "configs", name), content, 0o600); err != nil {
			return fail(err)
		}
	}
	c := command{
		name: "Milvus",
		dir:  dir,
		env: []string{
			"PATH=" + os.Getenv("PATH"),
			"HOME=" + dir,
			"TMPDIR=" + dir,
			"LD_LIBRARY_PATH=" + filepath.Join(install, "bin"),
			"DEPLOY_MODE=STANDALONE",
			"MILVUSCONF=" + filepath.Join(dir, "configs"),
			"MILVUS_RUN_DIR=" + filepath.Join(dir, "run"),
			fmt.Sprintf("METRICS_PORT=%d", config.metricsPort),
		},
		path: filepath.Join(install, "bin", "milvus"),
		args: []string{"run", "standalone"},
	}
	if otlp != "" {
		for name, value := range MilvusTracing(otlp) {
			c.env = append(c.env, name+"="+value)
		}
	}
	return c, config.proxyPort, nil
}
