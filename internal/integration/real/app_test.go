// SPDX-License-Identifier: Apache-2.0

package real

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/penstock-go/penstock/internal/servers"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

func TestTheAppOfTheREADMEShowsItsTraceInJaeger(t *testing.T) {
	j := servers.StartJaeger(t)
	s, err := milvustest.New(milvustest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // it may have to compile
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "run", "github.com/penstock-go/penstock/examples/fx-app")
	cmd.Env = append(os.Environ(),
		"MILVUS_ADDRESS="+s.Addr(),
		"OTEL_EXPORTER_OTLP_ENDPOINT="+j.OTLPEndpoint(),
		"OTEL_METRICS_EXPORTER=none",
		"OTEL_SERVICE_NAME=readme-app",
	)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the app failed: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "0 collections") {
		t.Errorf("the app printed\n%s", out)
	}

	id := traceOf(ctx, t, j, "readme-app", "ListCollections default")
	trace, err := j.Trace(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	spans := trace.Named("ListCollections default")
	if len(spans) != 1 {
		t.Fatalf("%d spans ListCollections default in %+v", len(spans), trace)
	}
	for key, want := range map[string]string{
		"span.kind":         "client",
		"db.system.name":    "milvus",
		"db.operation.name": "ListCollections",
		"error.type":        "",
	} {
		if got := spans[0].Tag(key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
}

// traceOf returns the id of the only trace that Jaeger has of a service's
// operation. The app has flushed before its end, so the trace is there.
func traceOf(ctx context.Context, t *testing.T, j *servers.Jaeger, service, operation string) string {
	t.Helper()
	query := url.Values{"service": {service}, "operation": {operation}}
	found := traceIDs(ctx, t, j, query)
	if len(found) != 1 {
		t.Fatalf("%d traces of %s, want 1", len(found), service)
	}
	return found[0]
}

// traceIDs returns the ids of the traces that Jaeger finds for query.
func traceIDs(ctx context.Context, t *testing.T, j *servers.Jaeger, query url.Values) (ids []string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.QueryURL()+"/api/traces?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var found struct {
		Data []struct {
			TraceID string `json:"traceID"`
		} `json:"data"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&found); err != nil {
		t.Fatal(err)
	}
	for _, data := range found.Data {
		ids = append(ids, data.TraceID)
	}
	return ids
}
