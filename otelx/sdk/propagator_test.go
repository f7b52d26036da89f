// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/otelx/sdk"
)

const (
	goodTraceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	goodParent  = "00-" + goodTraceID + "-00f067aa0ba902b7-01"
)

func header(kvs ...string) propagation.HeaderCarrier {
	h := http.Header{}
	for i := 0; i < len(kvs); i += 2 {
		h.Add(kvs[i], kvs[i+1])
	}
	return propagation.HeaderCarrier(h)
}

func TestAMalformedTraceContextIsIgnoredAndTold(t *testing.T) {
	for name, row := range map[string]struct {
		carrier propagation.HeaderCarrier
		valid   bool // the parent is read
		told    string
	}{
		"none":             {header(), false, ""},
		"good":             {header("traceparent", goodParent, "tracestate", "rojo=1"), true, ""},
		"no state":         {header("traceparent", goodParent), true, ""},
		"state alone":      {header("tracestate", "rojo=1"), false, ""},
		"words":            {header("traceparent", "hello"), false, "header=traceparent value=hello"},
		"zero trace id":    {header("traceparent", strings.Replace(goodParent, goodTraceID, strings.Repeat("0", 32), 1)), false, "header=traceparent"},
		"upper case":       {header("traceparent", strings.ToUpper(goodParent)), false, "header=traceparent"},
		"version ff":       {header("traceparent", "ff"+goodParent[2:]), false, "header=traceparent"},
		"one part more":    {header("traceparent", goodParent+"-00"), false, "header=traceparent"},
		"a megabyte":       {header("traceparent", strings.Repeat("0", 1<<20)), false, "header=traceparent"},
		"no UTF-8":         {header("traceparent", "00-\xff\xfe-01"), false, "header=traceparent"},
		"bad state":        {header("traceparent", goodParent, "tracestate", "no state"), true, "header=tracestate"},
		"state of 100 kB":  {header("traceparent", goodParent, "tracestate", "rojo="+strings.Repeat("x", 100<<10)), true, "header=tracestate"},
		"33 members":       {header("traceparent", goodParent, "tracestate", strings.Repeat("a=1,", 33)), true, "header=tracestate"},
		"baggage of 64 kB": {header("traceparent", goodParent, "baggage", strings.Repeat("a=1,", 16<<10)), true, ""},
		"bad baggage":      {header("traceparent", goodParent, "baggage", "\xff;;,=,"), true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, nil)
			var log logs
			s := setup(t, sdk.Config{Logger: log.logger()})
			for range 3 {
				ctx := s.Propagator().Extract(t.Context(), row.carrier)
				if sc := trace.SpanContextFromContext(ctx); sc.IsValid() != row.valid || row.valid && sc.TraceID().String() != goodTraceID {
					t.Errorf("read %+v, valid want %v", sc, row.valid)
				}
				// Whatever came in, little goes out.
				out := propagation.MapCarrier{}
				s.Propagator().Inject(ctx, out)
				if size := len(out["traceparent"]) + len(out["tracestate"]) + len(out["baggage"]); size > 9<<10 {
					t.Errorf("%d bytes go out", size)
				}
			}
			text := log.String()
			if row.told == "" && text != "" || row.told != "" && (strings.Count(text, "\n") != 1 || !strings.Contains(text, row.told)) {
				t.Errorf("logged %q, want one record with %q", text, row.told)
			}
			if len(text) > 2000 {
				t.Errorf("logged %d bytes", len(text))
			}
		})
	}
}

func TestMalformedTraceContextsAreToldEveryTenSeconds(t *testing.T) {
	setenv(t, nil)
	synctest.Test(t, func(t *testing.T) {
		var log logs
		s := setup(t, sdk.Config{Logger: log.logger()})
		for range 15 { // one a second: told at 0 and 10 s
			s.Propagator().Extract(t.Context(), header("traceparent", "hello"))
			time.Sleep(time.Second)
		}
		if text := log.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "left_out=9") {
			t.Errorf("logged %s", text)
		}
	})
}

func TestATraceContextThatIsReadTwiceIsNotMalformed(t *testing.T) {
	setenv(t, nil)
	var log logs
	s := setup(t, sdk.Config{Logger: log.logger()})
	ctx := s.Propagator().Extract(t.Context(), header("traceparent", goodParent))
	s.Propagator().Extract(ctx, header("traceparent", goodParent))
	if log.String() != "" {
		t.Errorf("logged %s", &log)
	}
	// A local span is no excuse for a broken header.
	s.Propagator().Extract(ctx, header("traceparent", "hello"))
	if log.String() == "" {
		t.Error("a broken header was not told")
	}
}
