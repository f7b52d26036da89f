// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/penstock-go/penstock/otelx/sdk"
)

// useFile makes a file with that text the configuration, and returns its path.
func useFile(t *testing.T, text string, env map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "otel.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	setenv(t, env)
	t.Setenv("OTEL_CONFIG_FILE", path)
	return path
}

// exportingFile exports both signals to the URL in the variable COLLECTOR.
const exportingFile = `file_format: "1.0"
resource:
  attributes:
    - name: service.name
      value: shop
tracer_provider:
  processors:
    - batch:
        exporter:
          otlp_http:
            endpoint: ${COLLECTOR}/v1/traces
  sampler:
    parent_based:
      root:
        trace_id_ratio_based:
          ratio: 1
meter_provider:
  readers:
    - periodic:
        exporter:
          otlp_http:
            endpoint: ${COLLECTOR}/v1/metrics
propagator:
  composite:
    - b3:
`

func TestTheFileDecidesWhatIsExported(t *testing.T) {
	c := newCollector(t)
	// The variables beside the file are not read.
	useFile(t, exportingFile, map[string]string{
		"COLLECTOR": c.URL, "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "statsd", "OTEL_PROPAGATORS": "baggage",
	})
	spans := tracetest.NewSpanRecorder()
	var log logs
	s := setup(t, sdk.Config{Logger: log.logger(), SpanProcessors: []sdktrace.SpanProcessor{spans}})
	if fields := s.Propagator().Fields(); !slices.Equal(fields, []string{"b3"}) {
		t.Errorf("the propagator has the fields %q, want b3", fields)
	}
	emit(t.Context(), s)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !reflect.DeepEqual(c.order, []string{"/v1/metrics", "/v1/traces"}) || !slices.Equal(c.spans, []string{"Search docs"}) || c.service != "shop" {
		t.Errorf("arrived at %q: the spans %q of the service %q", c.order, c.spans, c.service)
	}
	if len(spans.Ended()) != 1 {
		t.Errorf("the span processor of the program got %d spans, want 1", len(spans.Ended()))
	}
	if log.String() != "" {
		t.Errorf("logged %s", &log)
	}
}

// docs/telemetry.md shows the file.
func TestTheFileInTheDocumentsWorks(t *testing.T) {
	text, err := os.ReadFile("testdata/otel.yaml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```yaml\n"+string(text)+"```") {
		t.Error("docs/telemetry.md does not show testdata/otel.yaml")
	}
	c := newCollector(t)
	useFile(t, string(text), map[string]string{"COLLECTOR": c.URL})
	var log logs
	s := setup(t, sdk.Config{Logger: log.logger()})
	if span, _ := startEvidence(s.TracerProvider().Tracer("test"), failed); !span.SpanContext().IsSampled() {
		t.Error("evidence is not sampled")
	}
	emit(t.Context(), s)
	if err := s.Shutdown(t.Context()); err != nil || log.String() != "" {
		t.Errorf("Shutdown = %v, logged %s", err, &log)
	}
	if traces, metrics := c.exports(); traces != 1 || metrics != 1 {
		t.Errorf("%d exports of traces and %d of metrics, want one of each", traces, metrics)
	}
}

func TestOTELSDKDisabledHoldsBesideAFile(t *testing.T) {
	c := newCollector(t)
	useFile(t, exportingFile, map[string]string{"COLLECTOR": c.URL, "OTEL_SDK_DISABLED": "true"})
	s := setup(t, sdk.Config{})
	emit(t.Context(), s)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.order) != 0 {
		t.Errorf("arrived at %q, want nothing", c.order)
	}
}

const (
	fileHead   = "file_format: '1.0'\n"
	fileTraces = fileHead + "tracer_provider:\n  processors:\n    - batch:\n        exporter:\n          "
	fileReader = fileHead + "meter_provider:\n  readers:\n    - "
)

func TestAFileThatCannotBeObeyedIsAnErrorThatNamesIt(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"no format":     {"disabled: true\n", "file_format in"},
		"no YAML":       {fileHead + "\tx", "line 2"},
		"wrong type":    {fileTraces + "console:\n        schedule_delay: 5s\n", "cannot unmarshal !!str `5s` into int"},
		"no exporter":   {fileTraces + "otlp_htp:\n", "no valid span exporter (nothing reads tracer_provider.processors[0].batch.exporter.otlp_htp)"},
		"propagator":    {fileHead + "propagator:\n  composite_list: pigeon\n", "unknown propagator: pigeon"},
		"pull":          {fileReader + "pull:\n        exporter:\n          prometheus/development:\n", "OTEL_METRICS_EXPORTER=prometheus"},
		"endpoint":      {fileTraces + "otlp_http:\n            endpoint: user:secret@host:1\n", "tracer_provider.processors[0] is not a URL such as http://localhost:4318/v1/traces"},
		"of metrics":    {fileReader + "periodic:\n        exporter:\n          otlp_http:\n            endpoint: secret\n", "meter_provider.readers[0] is not a URL"},
		"gRPC endpoint": {fileTraces + "otlp_grpc:\n            endpoint: 'http://user:secret@ho st'\n", "an endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			path := useFile(t, row.text, nil)
			_, err := sdk.Setup(t.Context(), sdk.Config{})
			if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "OTEL_CONFIG_FILE="+path) {
				t.Errorf("Setup = %v, want %s", err, row.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("Setup = %v, which tells the endpoint", err)
			}
		})
	}
	setenv(t, map[string]string{"OTEL_CONFIG_FILE": "/no/such/otel.yaml"})
	if _, err := sdk.Setup(t.Context(), sdk.Config{}); err == nil || !strings.Contains(err.Error(), "OTEL_CONFIG_FILE=/no/such/otel.yaml: open") {
		t.Errorf("Setup = %v", err)
	}
}

func TestWhatIsProbablyNotMeantInAFileIsLogged(t *testing.T) {
	for name, row := range map[string]struct {
		text, want string
		env        map[string]string
	}{
		"unknown keys":           {text: fileHead + "tracer_provider:\n  procesors: []\n", want: "keys=[tracer_provider.procesors]"},
		"unknown keys in a list": {text: fileHead + "propagator:\n  composite:\n    - pigeon:\n", want: "keys=[propagator.composite[0].pigeon]"},
		"nothing exported":       {text: fileHead, want: "exports nothing"},
		"no service name":        {text: fileTraces + "otlp_http: {endpoint: 'http://localhost:1'}\n", want: "set service.name in resource.attributes"},
		"ratio": {
			text: fileTraces + "otlp_http: {endpoint: 'http://localhost:1'}\n  sampler:\n    trace_id_ratio_based:\n      ratio: 0.01\n",
			want: "make it the root of a parent_based sampler",
			env:  map[string]string{"OTEL_SERVICE_NAME": "shop"},
		},
		"for other languages": {text: fileTraces + "otlp_http: {endpoint: 'http://localhost:1'}\ninstrumentation/development:\n  java: {}\n", env: map[string]string{"OTEL_SERVICE_NAME": "shop"}},
		"disabled":            {text: fileHead + "disabled: true\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := useFile(t, row.text, row.env)
			var log logs
			s := setup(t, sdk.Config{Logger: log.logger()})
			_ = s.Shutdown(t.Context()) // nothing to export
			if row.want == "" && log.String() != "" {
				t.Errorf("logged %s", &log)
			}
			if text := log.String(); row.want != "" && (!strings.Contains(text, row.want) || !strings.Contains(text, path)) {
				t.Errorf("logged %q, want %s", text, row.want)
			}
		})
	}
}
