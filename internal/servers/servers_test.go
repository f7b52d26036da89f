// SPDX-License-Identifier: Apache-2.0

package servers_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-go/penstock/internal/servers"
)

func TestAMissingServerSkipsTheTestWithOnePlainLine(t *testing.T) {
	t.Setenv("PENSTOCK_CACHE", t.TempDir())
	for _, test := range []struct {
		name  string
		start func(testing.TB)
		want  string
	}{
		{"Milvus", func(t testing.TB) { servers.StartMilvus(t) }, "Milvus 2.3.5 is not installed; 'make servers' installs it (it needs Python 3 with venv)"},
		{"milvus-lite", func(t testing.TB) { servers.StartMilvusLite(t) }, "milvus-lite 3.2.2 is not installed; 'make servers' installs it (it needs Python 3.10 or newer with venv)"},
		{"Jaeger", func(t testing.TB) { servers.StartJaeger(t) }, "Jaeger 1.76.0 is not built; 'make servers' builds it (about 5 minutes the first time)"},
		{"Prometheus", func(t testing.TB) { servers.StartPrometheus(t, servers.PrometheusConfig{}) }, "Prometheus is not installed; 'make servers' installs it (from the package prometheus of Debian or Ubuntu)"},
		{"Chromium", func(t testing.TB) { servers.Chromium(t) }, "Chromium is not installed; 'make servers' installs it (from the package chromium of Debian)"},
		{"promtool", func(t testing.TB) { servers.Promtool(t) }, "Prometheus is not installed; 'make servers' installs it (from the package prometheus of Debian or Ubuntu)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "Milvus" && runtime.GOOS+"/"+runtime.GOARCH != "linux/amd64" {
				test.want = "the real Milvus 2.3.5 for tests exists for linux/amd64 alone, this is " + runtime.GOOS + "/" + runtime.GOARCH
			}

			t.Setenv("PENSTOCK_REQUIRE_REAL", "")
			got := run(t, test.start)
			if got.skipped != test.want || got.failed != "" {
				t.Errorf("skipped with %q, failed with %q, want it skipped with %q", got.skipped, got.failed, test.want)
			}

			t.Setenv("PENSTOCK_REQUIRE_REAL", "1")
			want := test.want + " (PENSTOCK_REQUIRE_REAL=1 turns this skip into a failure)"
			got = run(t, test.start)
			if got.failed != want || got.skipped != "" {
				t.Errorf("with PENSTOCK_REQUIRE_REAL=1: skipped with %q, failed with %q, want it failed with %q", got.skipped, got.failed, want)
			}
		})
	}
}

func TestAHalfInstalledServerIsMissing(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("PENSTOCK_CACHE", cache)
	t.Setenv("PENSTOCK_REQUIRE_REAL", "")
	write(t, filepath.Join(cache, "jaeger-"+servers.JaegerVersion, "jaeger"), "", 0o755) // no manifest
	got := run(t, func(t testing.TB) { servers.StartJaeger(t) })
	if !strings.Contains(got.skipped, "is not built") {
		t.Errorf("skipped with %q, failed with %q, want a skip: not built", got.skipped, got.failed)
	}
}

// fakeJaeger installs a shell script as Jaeger.
func fakeJaeger(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the script needs a Unix shell")
	}
	cache := t.TempDir()
	t.Setenv("PENSTOCK_CACHE", cache)
	dir := filepath.Join(cache, "jaeger-"+servers.JaegerVersion)
	write(t, filepath.Join(dir, "jaeger"), "#!/bin/sh\n"+script, 0o755)
	write(t, filepath.Join(dir, "manifest"), "", 0o600)
}

func TestAServerThatDiesWhileItStartsFailsTheTestWithItsLog(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	fakeJaeger(t, "echo run >> '"+runs+"'; echo 'the disk is on fire'; exit 3\n")
	got := run(t, func(t testing.TB) { servers.StartJaeger(t) })
	for _, want := range []string{"Jaeger died (exit status 3)", "the disk is on fire"} {
		if !strings.Contains(got.failed, want) {
			t.Errorf("failed with %q, want %q in it", got.failed, want)
		}
	}
	if n := strings.Count(read(t, runs), "run"); n != 1 {
		t.Errorf("it was started %d times, want once", n)
	}
}

func TestAServerWhosePortWasTakenIsStartedOnceMore(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	fakeJaeger(t, "echo run >> '"+runs+"'; echo 'listen tcp: bind: address already in use'; exit 1\n")
	got := run(t, func(t testing.TB) { servers.StartJaeger(t) })
	if !strings.Contains(got.failed, "address already in use") {
		t.Errorf("failed with %q, want the end of the log in it", got.failed)
	}
	if n := strings.Count(read(t, runs), "run"); n != 2 {
		t.Errorf("it was started %d times, want 2", n)
	}
}

func TestFreePortsAreFreeAndDistinct(t *testing.T) {
	ports, err := servers.FreePorts("127.0.0.1", 20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, port := range ports {
		if seen[port] {
			t.Errorf("port %d was returned twice", port)
		}
		seen[port] = true
	}
	if len(seen) != 20 {
		t.Errorf("FreePorts returned %d ports, want 20", len(seen))
	}

	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])))
	if err != nil {
		t.Fatalf("another process took a port that was free just now: %v", err)
	}
	defer l.Close() // the listener only takes the port
	again, err := servers.FreePorts("127.0.0.1", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range again {
		if port == ports[0] {
			t.Errorf("FreePorts returned %d, which is not free", port)
		}
	}
}

func TestMilvusConfigHasNoPlaceholderAndNoDefaultPort(t *testing.T) {
	template := `etcd:
  endpoints: localhost:{{ etcd_port(int): 2379 }}
  log:
    level: {{ etcd_log_level: info }} # a comment
    path: {{ etcd_log_path: stdout }}
  use:
    embed: true # another
  data:
    dir: {{ etcd_data_dir }}
proxy:
  ip: # if not specify address, will use the first unicastable address as local ip
  port: {{ proxy_port(int): 19530 }}
common:
  security:
    authorizationEnabled: {{ authorization_enabled(bool): false }}
`
	yaml, etcd, port, err := servers.ReadMilvusConfig(template, "/data dir")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"level: info # a comment", "authorizationEnabled: false", "  ip: 127.0.0.1 #",
		"port: " + strconv.Itoa(port) + "\n", `    path: "/data dir/configs/etcd.yaml"`, `dir: "/data dir/data/etcd"`,
	} {
		if !strings.Contains(yaml, want) {
			t.Errorf("milvus.yaml has no %q:\n%s", want, yaml)
		}
	}
	for _, not := range []string{"{{", "2379", "19530"} {
		if strings.Contains(yaml, not) {
			t.Errorf("milvus.yaml has %q:\n%s", not, yaml)
		}
	}
	if found := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindAllString(etcd, -1); len(found) != 5 {
		t.Errorf("etcd.yaml has %d addresses, want 5:\n%s", len(found), etcd)
	}

	if _, _, _, err := servers.ReadMilvusConfig("no such template", "/d"); err == nil {
		t.Error("a template without ports made a configuration, want an error")
	}
}

// The installers and this package must name the same versions.
func TestVersionsAreThoseOfTheInstallers(t *testing.T) {
	tools := filepath.Join("..", "..", ".ci", "tools")
	if script := read(t, filepath.Join(tools, "install-milvus")); !strings.Contains(script, "\nversion="+servers.MilvusVersion+"\n") {
		t.Errorf("install-milvus does not install %s", servers.MilvusVersion)
	}
	if script := read(t, filepath.Join(tools, "install-milvus-lite")); !strings.Contains(script, "\nversion="+servers.MilvusLiteVersion+"\n") {
		t.Errorf("install-milvus-lite does not install %s", servers.MilvusLiteVersion)
	}
	if mod := read(t, filepath.Join(tools, "go.mod")); !strings.Contains(mod, "github.com/jaegertracing/jaeger v"+servers.JaegerVersion+" ") {
		t.Errorf(".ci/tools/go.mod does not require Jaeger %s", servers.JaegerVersion)
	}
}

// gone reports whether no process has that id.
func gone(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return true
	}
	return errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

func write(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
