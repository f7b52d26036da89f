// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
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
