// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func TestReadDigitsKeepsBackWhatTheSplitSays(t *testing.T) {
	stored, kept, err := readDigits()
	if err != nil {
		t.Fatal(err)
	}
	if len(stored) != 1500 || len(kept) != 297 {
		t.Errorf("readDigits: %d stored, %d kept, want 1500 and 297", len(stored), len(kept))
	}
	for _, d := range append(stored, kept...) {
		if len(d.pixels) != dim || d.label < 0 || d.label > 9 {
			t.Fatalf("a digit has %d pixels and label %d", len(d.pixels), d.label)
		}
	}
}

func TestVote(t *testing.T) {
	for _, tt := range []struct {
		labels []int64
		want   int64
	}{
		{[]int64{7, 7, 7}, 7},
		{[]int64{1, 7, 7}, 7},
		{[]int64{7, 1, 7}, 7},
		{[]int64{1, 2, 3}, 1},
		{nil, -1},
	} {
		if got := vote(tt.labels); got != tt.want {
			t.Errorf("vote(%v) = %d, want %d", tt.labels, got, tt.want)
		}
	}
}

var folder string // of the program, "" until it is built

// build compiles the program once for all tests.
var build = sync.OnceValues(func() (path string, err error) {
	folder, err = os.MkdirTemp("", "quickstart")
	if err != nil {
		return "", err
	}
	path = filepath.Join(folder, "quickstart")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(folder) // nothing if folder is ""
	os.Exit(code)
}

// program is a running quickstart.
type program struct {
	cmd         *exec.Cmd
	out, errors bytes.Buffer
}

// launch starts the quickstart. Only env names servers in its environment.
func launch(t *testing.T, env ...string) *program {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	p := &program{cmd: exec.CommandContext(ctx, path)}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "OTEL_") && !strings.HasPrefix(kv, "MILVUS_") && !strings.HasPrefix(kv, "JAEGER_") {
			p.cmd.Env = append(p.cmd.Env, kv)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errors
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// finish waits for the end of p, and fails the test if the exit code is not want.
func (p *program) finish(t *testing.T, want int) (stdout, stderr string) {
	t.Helper()
	_ = p.cmd.Wait() // the exit code is checked below
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		t.Fatalf("exit code %d, want %d\n%s%s", got, want, &p.out, &p.errors)
	}
	return p.out.String(), p.errors.String()
}

var (
	accuracyLine = regexp.MustCompile(`accuracy (\d\.\d{4})`)
	traceLine    = regexp.MustCompile(`(?m), trace ([0-9a-f]{32})$`)
)

// accuracy returns the accuracy that the program printed.
func accuracy(t *testing.T, stdout string) float64 {
	t.Helper()
	m := accuracyLine.FindStringSubmatch(stdout)
	if m == nil {
		t.Fatalf("no accuracy in\n%s", stdout)
	}
	a, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// want fails the test for each text that is not in stdout.
func want(t *testing.T, stdout string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(stdout, text) {
			t.Errorf("no %q in\n%s", text, stdout)
		}
	}
}

// fx finds everything that the application asks for.
func TestTheWiringIsWhole(t *testing.T) {
	if err := fx.ValidateApp(wiring("localhost:19530", tracetest.NewSpanRecorder()), fx.Invoke(func(client) {})); err != nil {
		t.Error(err)
	}
}

func TestQuickstartNeedsNothing(t *testing.T) {
	stdout, stderr := launch(t).finish(t, 0)
	t.Logf("it printed\n%s", stdout)
	for line := range strings.Lines(stderr) { // the log of the drill
		if !strings.Contains(line, "penstock: circuit breaker ") && !strings.Contains(line, "penstock: health gate ") {
			t.Errorf("standard error: %s", line)
		}
	}
	if !strings.Contains(stderr, "WARN penstock: circuit breaker opened") {
		t.Errorf("the log does not tell of the breaker: %s", stderr)
	}
	if a := accuracy(t, stdout); a < minAccuracy {
		t.Errorf("accuracy %v, want at least %v", a, minAccuracy)
	}
	want(t, stdout,
		"chain: trace > breaker > retry > timeout > health > [acquire > work]",
		"RecoveryTimeout 1s, Interval 50ms",
		"\nSearch digits [client] +0s for ",
		"\n  Search attempt [internal] +",
		"* penstock.retry {error.type=UNAVAILABLE, penstock.attempt=1",
		"error.type=circuit_open",
		"-> Search digits {penstock.link=opened_by}",
	)
	if n := len(traceLine.FindAllString(stdout, -1)); n != 3 {
		t.Errorf("%d traces were printed, want 3", n)
	}
	if strings.Contains(stdout, "/trace/") {
		t.Error("it prints links although nothing is exported")
	}
}

// openClient returns a client of a server. The end of the test closes it.
func openClient(t *testing.T, address string) client {
	t.Helper()
	c, err := milvus.Open(t.Context(), milvus.Config{Address: address}, penstock.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func startServer(t *testing.T) *milvustest.Server {
	t.Helper()
	return milvustest.Start(t)
}

func TestAForeignCollectionIsLeftAlone(t *testing.T) {
	s := startServer(t)
	c := openClient(t, s.Addr())
	schema := entity.NewSchema().WithName(collection).WithDescription("the only copy").
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("v").WithDataType(entity.FieldTypeFloatVector).WithDim(2))
	err := do(t.Context(), c, opCreate, func(ctx context.Context, conn *milvus.Conn) error {
		return conn.CreateCollection(ctx, schema, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, stderr := launch(t, "MILVUS_ADDRESS="+s.Addr()).finish(t, 2)
	want(t, stderr, "left alone", "the only copy")
	if n := s.Calls("DropCollection"); n != 0 {
		t.Errorf("%d collections were dropped", n)
	}
	if err := claim(t.Context(), c); !errors.Is(err, errForeign) {
		t.Errorf("claim = %v, want %v", err, errForeign)
	}
}

// awaitNoConns polls until the program's proxy has cut its connections.
func awaitNoConns(ctx context.Context, t *testing.T, s *milvustest.Server) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for s.Conns() > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatal("there was no outage")
		}
	}
}

func TestAnInterruptDropsTheCollection(t *testing.T) {
	for _, inOutage := range []bool{false, true} {
		t.Run(fmt.Sprintf("inOutage=%v", inOutage), func(t *testing.T) {
			s := startServer(t)
			p := launch(t, "MILVUS_ADDRESS="+s.Addr())
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			searches := 20
			if inOutage {
				searches = queries + 100
			}
			if err := s.AwaitCalls(ctx, "Search", searches); err != nil {
				t.Fatal(err)
			}
			if inOutage {
				awaitNoConns(ctx, t, s)
			}
			if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			p.finish(t, 130)
			exists, err := has(t.Context(), openClient(t, s.Addr()))
			if err != nil || exists {
				t.Errorf("after an interrupt the collection exists: %v, %v", exists, err)
			}
		})
	}
}

func TestAnUnreachableAddressIsNamed(t *testing.T) {
	s := startServer(t)
	address := s.Addr()
	if err := s.Close(); err != nil { // the address is free now
		t.Fatal(err)
	}
	p := launch(t, "MILVUS_ADDRESS="+address)
	begin := time.Now() // without the build
	_, stderr := p.finish(t, 1)
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("it took %v to say so", took)
	}
	want(t, stderr, address, "connection refused")
}

func TestQuickstartOnRealServers(t *testing.T) {
	m := servers.StartMilvus(t)
	j := servers.StartJaeger(t)
	stdout, _ := launch(t,
		"MILVUS_ADDRESS="+m.Addr(),
		"OTEL_EXPORTER_OTLP_ENDPOINT="+j.OTLPEndpoint(),
		"JAEGER_UI="+j.QueryURL(),
	).finish(t, 0)
	t.Logf("it printed\n%s", stdout)

	inProcess, _ := launch(t).finish(t, 0)
	if here, there := accuracy(t, inProcess), accuracy(t, stdout); here != there {
		t.Errorf("accuracy is %v in process and %v on the real server, want the same", here, there)
	}

	traces := traceLine.FindAllStringSubmatch(stdout, -1)
	if len(traces) != 3 {
		t.Fatalf("%d traces were printed, want 3", len(traces))
	}
	for _, trace := range traces {
		want(t, stdout, j.QueryURL()+"/trace/"+trace[1])
	}
	calm := operation(t, j, traces[0][1])
	if calm.Tag("error.type") != "" || calm.Tag("penstock.retry.attempts") != "" {
		t.Errorf("the normal search has tags %v", calm.Tags)
	}

	again := operation(t, j, traces[1][1])
	attempts, err := strconv.Atoi(again.Tag("penstock.retry.attempts"))
	if err != nil || attempts < 2 {
		t.Fatalf("the retried search has tags %v", again.Tags)
	}
	if again.Tag("error.type") != "" {
		t.Errorf("the retried search succeeded, but has error.type %q", again.Tag("error.type"))
	}
	event, ok := again.Event("penstock.retry")
	if !ok || event.Tag("error.type") != "UNAVAILABLE" {
		t.Errorf("the event of the first attempt is %v, want error.type UNAVAILABLE", event)
	}
	trace, err := j.TraceOf(t.Context(), traces[1][1], attempts)
	if err != nil {
		t.Fatal(err)
	}
	var further []servers.Span
	for _, s := range trace.Children(again.ID) {
		if s.Name == "Search attempt" {
			further = append(further, s)
		}
	}
	if len(further) != attempts-1 {
		t.Errorf("%d spans of further attempts, want %d", len(further), attempts-1)
	}
	for i, s := range further {
		failed := i < len(further)-1
		if got := s.Tag("error.type") != ""; got != failed {
			t.Errorf("attempt %s has error.type %q", s.Tag("penstock.attempt"), s.Tag("error.type"))
		}
		if s.Tag("span.kind") != "internal" {
			t.Errorf("attempt %s is of kind %q, want internal", s.Tag("penstock.attempt"), s.Tag("span.kind"))
		}
	}

	refused := operation(t, j, traces[2][1])
	if got := refused.Tag("error.type"); got != "circuit_open" {
		t.Errorf("the rejected search has error.type %q, want circuit_open", got)
	}
	if !linked(refused) {
		t.Errorf("the rejected search does not link to the one that opened the breaker: %v", refused.References)
	}
}

// operation returns the span of the search in a trace from Jaeger.
func operation(t *testing.T, j *servers.Jaeger, id string) servers.Span {
	t.Helper()
	trace, err := j.Trace(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	spans := trace.Named("Search digits")
	if len(spans) != 1 {
		t.Fatalf("trace %s has %d spans Search digits", id, len(spans))
	}
	s := spans[0]
	if s.Tag("span.kind") != "client" || s.Tag("db.system.name") != "milvus" {
		t.Errorf("the span is of kind %q and of system %q, want client and milvus", s.Tag("span.kind"), s.Tag("db.system.name"))
	}
	if s.Service != "penstock-quickstart" {
		t.Errorf("the span is of service %q", s.Service)
	}
	return s
}

func linked(s servers.Span) bool {
	for _, r := range s.References {
		if r.Type == "FOLLOWS_FROM" && r.TraceID != s.TraceID {
			return true
		}
	}
	return false
}
