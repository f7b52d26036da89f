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
// Without configuration it is silent: the providers are no-ops, and there is no
// connection and no goroutine. OTEL_EXPORTER_OTLP_ENDPOINT turns both signals on;
// OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER turn on one signal each.
// OTEL_SDK_DISABLED=true turns both off. OTEL_CONFIG_FILE names a file that is used in
// place of the variables. docs/telemetry.md lists the variables.
//
// The package does not set OpenTelemetry's global providers. It sets one global,
// the error handler, when the first Setup exports something: exporters report
// their errors nowhere else, and by default each one is printed to standard error.
package sdk
