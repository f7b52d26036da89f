// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"strings"
	"testing"

	"github.com/penstock-go/penstock/otelx/sdk"
)

func TestAnUnknownExporterIsAnsweredWithThoseThatThereAre(t *testing.T) {
	const setUp = "sdk: cannot set up telemetry: "
	for _, row := range []struct{ variable, value, want string }{
		{"OTEL_TRACES_EXPORTER", "consol", "OTEL_TRACES_EXPORTER=consol: unknown exporter or metrics producer, want otlp, console or none"},
		{"OTEL_TRACES_EXPORTER", "otlp,console", "OTEL_TRACES_EXPORTER=otlp,console: unknown exporter or metrics producer, want otlp, console or none"},
		{"OTEL_METRICS_EXPORTER", "prom", "OTEL_METRICS_EXPORTER=prom: unknown exporter or metrics producer, want otlp, prometheus, console or none"},
	} {
		t.Run(row.value, func(t *testing.T) {
			setenv(t, map[string]string{row.variable: row.value})
			if _, err := sdk.Setup(t.Context(), sdk.Config{}); err == nil || err.Error() != setUp+row.want {
				t.Errorf("Setup = %v\nwant %s", err, setUp+row.want)
			}
		})
	}
}

func TestAWrongValueIsAnsweredWithThoseThatThereAre(t *testing.T) {
	const whole = "a whole number from "
	millis := func(from string) string {
		return whole + from + " to 2147483647, in milliseconds and without a unit"
	}
	for _, row := range []struct{ exporter, variable, value, want string }{
		{"otlp", "OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "is unknown, want http/protobuf or grpc"},
		{"otlp", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "GRPC", "is unknown, want http/protobuf or grpc"},
		{"otlp", "OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "is unknown, want gzip or none"},
		{"otlp", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s", "is wrong, want " + millis("0")},
		{"console", "OTEL_BSP_SCHEDULE_DELAY", "1s", "is wrong, want " + millis("0")},
		{"console", "OTEL_BSP_EXPORT_TIMEOUT", "-1", "is wrong, want " + millis("0")},
		{"console", "OTEL_BSP_MAX_QUEUE_SIZE", "many", "is wrong, want " + whole + "1 to 2147483647"},
		{"console", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0", "is wrong, want " + whole + "1 to 2147483647"},
		{"console", "OTEL_METRIC_EXPORT_INTERVAL", "15s", "is wrong, want " + millis("1")},
		{"console", "OTEL_METRIC_EXPORT_TIMEOUT", "x", "is wrong, want " + millis("1")},
		{"console", "OTEL_METRICS_EXEMPLAR_FILTER", "on", "is unknown, want trace_based, always_on or always_off"},
		{"otlp", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "deltas", "is unknown, want cumulative, delta or lowmemory"},
		{"prometheus", "OTEL_EXPORTER_PROMETHEUS_PORT", "http", "is wrong, want " + whole + "0 to 65535"},
		{"prometheus", "OTEL_EXPORTER_PROMETHEUS_PORT", "94640", "is wrong, want " + whole + "0 to 65535"},
		{"console", "OTEL_TRACES_SAMPLER", "ratio", "is unknown, want always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or parentbased_traceidratio"},
	} {
		t.Run(row.variable+"="+row.value, func(t *testing.T) {
			traces := row.exporter
			if traces == "prometheus" {
				traces = "none"
			}
			setenv(t, map[string]string{
				"OTEL_TRACES_EXPORTER":  traces,
				"OTEL_METRICS_EXPORTER": row.exporter,
				row.variable:            row.value,
			})
			_, err := sdk.Setup(t.Context(), sdk.Config{})
			want := "sdk: cannot set up telemetry: " + row.variable + "=" + row.value + " " + row.want
			if err == nil || err.Error() != want {
				t.Errorf("Setup = %v\nwant %s", err, want)
			}
		})
	}
}

func TestTheVariablesOfAnExporterThatIsNotUsedDoNotMatter(t *testing.T) {
	setenv(t, map[string]string{
		"OTEL_METRICS_EXPORTER":         "none",
		"OTEL_TRACES_EXPORTER":          "none",
		"OTEL_EXPORTER_OTLP_PROTOCOL":   "http/json",
		"OTEL_EXPORTER_PROMETHEUS_PORT": "http",
		"OTEL_TRACES_SAMPLER":           "ratio",
	})
	if _, err := sdk.Setup(t.Context(), sdk.Config{}); err != nil {
		t.Errorf("Setup = %v", err)
	}
}

func TestASamplingRatioOutsideOfZeroToOneIsAnError(t *testing.T) {
	for _, sampler := range []string{"traceidratio", "parentbased_traceidratio"} {
		for _, arg := range []string{"1%", "2", "-0.1", "NaN"} {
			setenv(t, map[string]string{
				"OTEL_TRACES_EXPORTER": "console", "OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": arg,
			})
			want := "OTEL_TRACES_SAMPLER_ARG=" + arg + " is not a part of all traces: want a number from 0 to 1"
			if _, err := sdk.Setup(t.Context(), sdk.Config{}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Setup = %v, want %s", err, want)
			}
		}
	}
}
