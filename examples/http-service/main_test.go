// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/penstock-go/penstock"
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/fxmodule"
	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/middleware"
	"github.com/penstock-go/penstock/middleware/breaker"
	"github.com/penstock-go/penstock/middleware/bulkhead"
	"github.com/penstock-go/penstock/middleware/ratelimit"
	"github.com/penstock-go/penstock/middleware/retry"
	"github.com/penstock-go/penstock/otelx/otelxtest"
	"github.com/penstock-go/penstock/otelx/sdk"
	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// service is the handler with what is behind it.
type service struct {
	http.Handler
	stop   *Stop
	milvus *milvustest.Server
	client Client
	spans  *tracetest.SpanRecorder
}

// start returns a service with a Milvus in this process. Both end with the test.
func start(t *testing.T) service {
	t.Helper()
	server := milvustest.Start(t)
	s := startOn(t, server.Addr())
	s.milvus = server
	return s
}

// startOn returns a service that ends with the test.
func startOn(t *testing.T, address string) service {
	t.Helper()
	for _, name := range []string{"OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER"} {
		t.Setenv(name, "none")
	}
	s := service{stop: newStop(), spans: tracetest.NewSpanRecorder()}
	telemetry, err := sdk.Setup(t.Context(), sdk.Config{SpanProcessors: []sdktrace.SpanProcessor{s.spans}})
	if err != nil {
		t.Fatal(err)
	}
	s.client, err = milvus.Open(t.Context(), milvus.Config{Address: address}, penstock.Config{
		TracerProvider: telemetry.TracerProvider(),
		Chain: middleware.Config{
			Retry:    retry.Config{Interval: time.Millisecond},
			Bulkhead: &bulkhead.Config{MaxConcurrent: 1},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.client.Close(context.Background()), telemetry.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	colors := &Colors{s.client}
	if err := colors.setUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	checks := append(readyChecks(s.stop, s.client), s.client.Monitor().Ready())
	s.Handler = newHandler(colors, telemetry, fxmodule.Ready{Checks: checks})
	return s
}

// get asks the service. headers are names, each with its value.
func (s service) get(ctx context.Context, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

const orange = "/colors/nearest?rgb=ff8800"

func check(t *testing.T, w *httptest.ResponseRecorder, status int, body, retryAfter string) {
	t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), body) || w.Header().Get("Retry-After") != retryAfter {
		t.Errorf("it answered %d %q with Retry-After %q, want %d %q and %q", w.Code, w.Body, w.Header().Get("Retry-After"), status, body, retryAfter)
	}
}

// fx finds everything that the application asks for.
func TestTheWiringIsWhole(t *testing.T) {
	if err := fx.ValidateApp(app(Settings{})); err != nil {
		t.Error(err)
	}
}

func TestNearestColorsComeInTheirOrder(t *testing.T) {
	s := start(t)
	check(t, s.get(t.Context(), orange), 200, `{"colors":[{"name":"orange","distance":841},{"name":"yellow","distance":14161},{"name":"red"`, "")
	check(t, s.get(t.Context(), orange+"&top=1"), 200, `{"colors":[{"name":"orange","distance":841}]}`, "")
	if err := (&Colors{s.client}).setUp(t.Context()); err != nil {
		t.Errorf("a second start: %v", err)
	}
	check(t, s.get(t.Context(), orange+"&top=16"), 200, "navy", "")
}

func TestNearestColorsOfARealMilvus(t *testing.T) {
	s := startOn(t, servers.StartMilvus(t).Addr())
	if err := (&Colors{s.client}).setUp(t.Context()); err != nil {
		t.Errorf("a second start: %v", err)
	}
	check(t, s.get(t.Context(), orange+"&top=1"), 200, `{"colors":[{"name":"orange","distance":841}]}`, "")
	check(t, s.get(t.Context(), "/readyz"), 200, `{"name":"parts of milvus","status":"up"`, "")
}

func TestAWrongRequestIsToldWhatIsWrong(t *testing.T) {
	s := start(t)
	for path, want := range map[string]string{
		"/colors/nearest":                                  `rgb is \"\": give six hexadecimal digits`,
		"/colors/nearest?rgb=ff88zz":                       `rgb is \"ff88zz\"`,
		"/colors/nearest?rgb=" + strings.Repeat("f", 1000): `rgb is \"ffffffffffffffffffff\"`,
		orange + "&top=0":                                  `top is \"0\": give a number from 1 to 16`,
		orange + "&top=many":                               `top is \"many\"`,
	} {
		check(t, s.get(t.Context(), path), 400, want, "")
	}
	check(t, s.get(t.Context(), orange, "X-Request-Timeout", "soon"), 400, `X-Request-Timeout is \"soon\": give a duration`, "")
	check(t, s.get(t.Context(), orange, "X-Request-Timeout", "-1s"), 400, `give a duration`, "")
}

func TestADeadlineIsAGatewayTimeout(t *testing.T) {
	s := start(t)
	s.milvus.Inject(milvustest.Fault{Method: "Search", Hang: true})
	check(t, s.get(t.Context(), orange, "X-Request-Timeout", "20ms"), 504, `{"error":"Gateway Timeout","type":"`, "")
}

func TestACallerThatHasGoneIsNoFaultOfTheService(t *testing.T) {
	s := start(t)
	s.milvus.Inject(milvustest.Fault{Method: "Search", Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_ = s.milvus.AwaitCalls(t.Context(), "Search", 1)
		cancel()
	}()
	check(t, s.get(ctx, orange), statusClientGone, `"type":"canceled"`, "")
}

func TestARejectionSaysWhenToComeBack(t *testing.T) {
	s := start(t)

	// Another request has the only place of the bulkhead.
	remove := s.milvus.Inject(milvustest.Fault{Method: "Search", Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	var other sync.WaitGroup
	other.Go(func() { s.get(ctx, orange) })
	if err := s.milvus.AwaitCalls(t.Context(), "Search", 1); err != nil {
		t.Fatal(err)
	}
	check(t, s.get(t.Context(), orange), 503, `"type":"bulkhead_full"`, "1")
	cancel()
	other.Wait()
	remove()

	s.client.Breaker().ForceOpen()
	w := s.get(t.Context(), orange)
	check(t, w, 503, `"type":"circuit_open"`, w.Header().Get("Retry-After"))
	if seconds, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || seconds < 1 || seconds > 30 {
		t.Errorf("an open breaker says Retry-After %q, want seconds up to RecoveryTimeout", w.Header().Get("Retry-After"))
	}
	s.client.Breaker().Reset()

	// All attempts fail. The operation is over, and it was not refused.
	s.milvus.Inject(milvustest.Fault{Method: "Search", Drop: true})
	check(t, s.get(t.Context(), orange), 503, `"type":"UNAVAILABLE"`, "1")
}

func TestRetryAfterIsInWholeSeconds(t *testing.T) {
	for want, err := range map[int]error{
		1:  errors.New("no hint"),
		30: fmt.Errorf("wrapped: %w", &breaker.OpenError{RetryAfter: 29001 * time.Millisecond}),
		2:  fmt.Errorf("wrapped: %w", &ratelimit.LimitedError{RetryAfter: 1001 * time.Millisecond}),
		7:  &core.Error{Outcome: core.Outcome{Class: core.Busy("rate_limited", 7*time.Second)}},
	} {
		if got := retryAfter(err); got != want {
			t.Errorf("retryAfter(%v) = %d, want %d", err, got, want)
		}
	}
}

func TestAnUnknownErrorIsABadGateway(t *testing.T) {
	if got := statusOf(t.Context(), errors.New("no such index")); got != http.StatusBadGateway {
		t.Errorf("statusOf = %d, want 502", got)
	}
}

func TestTheTraceOfTheCallerGoesOn(t *testing.T) {
	s := start(t)
	s.get(t.Context(), orange, "Traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
	server := otelxtest.AssertSpan(t, s.spans.Ended(), otelxtest.Span{Name: "GET /colors/nearest", Kind: trace.SpanKindServer})
	if id := server.SpanContext().TraceID().String(); id != "0123456789abcdef0123456789abcdef" {
		t.Errorf("the trace of the request is %s", id)
	}
	otelxtest.AssertSpan(t, s.spans.Ended(), otelxtest.Span{Name: "Search " + collection, Kind: trace.SpanKindClient, Parent: server.Name()})
}

func TestReadinessEndsBeforeTheService(t *testing.T) {
	s := start(t)
	check(t, s.get(t.Context(), "/livez"), 200, "up", "")
	check(t, s.get(t.Context(), "/readyz"), 200, `{"name":"parts of milvus","status":"up"`, "")
	s.stop.begun.Store(true)
	check(t, s.get(t.Context(), "/readyz"), 503, `{"name":"service","status":"down"`, "")
	check(t, s.get(t.Context(), "/livez"), 200, "up", "")
}

var folder string // of the program, "" until it is built

// built compiles the program once for all tests.
var built = sync.OnceValues(func() (path string, err error) {
	folder, err = os.MkdirTemp("", "http-service")
	if err != nil {
		return "", err
	}
	path = filepath.Join(folder, "http-service.exe")
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

// command returns the program, with no telemetry but what env says.
func command(t *testing.T, args []string, env ...string) *exec.Cmd {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "OTEL_") && !strings.HasPrefix(kv, "MILVUS_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// freePort returns a port of the loopback interface that is free now.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %s, %v\n%s", url, res.Status, err, body)
	}
	return string(body)
}

func TestAStopLetsTheRequestInTheMiddleEnd(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows, a process cannot send another one an interrupt")
	}
	srv, port := milvustest.Start(t), freePort(t)
	cmd := command(t, []string{"-addr", "127.0.0.1:0", "-admin", "127.0.0.1:0"}, "MILVUS_ADDRESS="+srv.Addr(), "OTEL_EXPORTER_PROMETHEUS_PORT="+port)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	next := func(prefix string) string {
		line, err := lines.ReadString('\n')
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), prefix)
		if err != nil || !ok {
			t.Fatalf("it printed %q, %v\n%s", line, err, stderr.String())
		}
		return rest
	}
	url, page := next("serving "), next("live page ")
	if body := fetch(t, url); !strings.Contains(body, "orange") {
		t.Errorf("it answered %s", body)
	}
	if metrics := fetch(t, "http://localhost:"+port+"/metrics"); !strings.Contains(metrics, "db_client_operation_duration_seconds_count{") {
		t.Errorf("no durations of operations in\n%s", metrics)
	}
	fetch(t, page)
	if snapshot := fetch(t, page+"/snapshot.json"); !strings.Contains(snapshot, `"entered":{"total":2,`) { // one made the collection
		t.Errorf("not two operations in the snapshot of the live page\n%s", snapshot)
	}

	srv.ResetCalls()
	srv.Inject(milvustest.Fault{Method: "Search", Delay: 300 * time.Millisecond})
	var request sync.WaitGroup
	request.Go(func() {
		if res, err := http.Get(url); err != nil {
			t.Errorf("the request in the middle: %v", err)
		} else if res.Body.Close(); res.StatusCode != http.StatusOK {
			t.Errorf("the request in the middle was answered with %s", res.Status)
		}
	})
	if err := srv.AwaitCalls(t.Context(), "Search", 1); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	request.Wait()
	if err := cmd.Wait(); err != nil || withoutThePage(stderr.String()) != "" {
		t.Errorf("it ended with %v and printed %s", err, stderr.String())
	}
}

// withoutThePage leaves out the line of the log that tells the address of the live page.
func withoutThePage(output string) string {
	return regexp.MustCompile(`(?m)^.* INFO penstock: admin page url=http://127\.0\.0\.1:\d+/\n`).ReplaceAllString(output, "")
}

func TestAWrongSettingIsOneLine(t *testing.T) {
	srv := milvustest.Start(t)
	for _, row := range []struct{ address, admin, milvus, exporter, want string }{
		{"127.0.0.1:0", "127.0.0.1:0", "nonsense", "none", `http-service: milvusfx: the client: milvus: bad configuration: Address "nonsense" is not host:port: give both, such as localhost:19530`},
		{"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:" + freePort(t), "none", "connection refused"},
		{srv.Addr(), "127.0.0.1:0", srv.Addr(), "none", "http-service: cannot listen, -addr names another address: "},
		{"127.0.0.1:0", "127.0.0.1:0", srv.Addr(), "nonsense", "OTEL_METRICS_EXPORTER=nonsense: "},
		{"127.0.0.1:0", srv.Addr(), srv.Addr(), "none", "address already in use"},
		{"127.0.0.1:0", "0.0.0.0:0", srv.Addr(), "none", "is reached from other machines"},
	} {
		cmd := command(t, []string{"-addr", row.address, "-admin", row.admin}, "MILVUS_ADDRESS="+row.milvus, "OTEL_METRICS_EXPORTER="+row.exporter)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), row.want) || strings.Count(withoutThePage(string(out)), "\n") != 1 {
			t.Errorf("with %v it ended with %v and printed\n%s\nwant one line with %q", row, err, out, row.want)
		}
	}
}
