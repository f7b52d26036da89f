// SPDX-License-Identifier: Apache-2.0

// Package sdk sets up the OpenTelemetry SDK from the OTEL_* variables of the
// environment, for programs that have no telemetry of their own:
//
//	telemetry, err := sdk.Setup(ctx, sdk.Config{ServiceName: "shop"})
//	if err != nil {
//		return err
//	}
//	defer telemetry.Shutdown(ctx)
//
//	observer, err := otelx.NewObserver(
//		otelx.WithTracerProvider(telemetry.TracerProvider()),
//		otelx.WithMeterProvider(telemetry.MeterProvider()),
//	)
//
// With nothing configured it is silent: the providers do nothing, nothing is
// dialed, no goroutine runs. OTEL_EXPORTER_OTLP_ENDPOINT turns it on, or
// OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER for one signal each;
// OTEL_SDK_DISABLED=true turns it off. docs/telemetry.md lists the variables.
//
// The package leaves OpenTelemetry's global providers alone. The one global
// that it sets is the error handler, the first time that something is exported:
// errors of exporters have no other way out, and would be printed to standard
// error one by one.
package sdk
