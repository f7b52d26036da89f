// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// mostMillis is the longest duration of a variable: 24 days.
const mostMillis = 1<<31 - 1

// checkSignal returns an error for each variable of an exporter whose value the
// exporter or the SDK would replace by its default without a word. signal is TRACES or
// METRICS.
func checkSignal(signal string) error {
	var errs []error
	number := func(name string, from int) { errs = append(errs, between(name, from, mostMillis)) }
	exporter := os.Getenv("OTEL_" + signal + "_EXPORTER")
	if exporter == "" || exporter == "otlp" {
		name := otlpVariable(signal, "PROTOCOL")
		errs = append(errs, oneOf(name, os.Getenv(name), "http/protobuf", "grpc"))
		name = otlpVariable(signal, "COMPRESSION")
		errs = append(errs, oneOf(name, os.Getenv(name), "gzip", "none"))
		number(otlpVariable(signal, "TIMEOUT"), 0)
	}
	switch {
	case signal == "TRACES":
		number("OTEL_BSP_SCHEDULE_DELAY", 0)
		number("OTEL_BSP_EXPORT_TIMEOUT", 0)
		number("OTEL_BSP_MAX_QUEUE_SIZE", 1)
		number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1)
	case exporter == "prometheus":
		errs = append(errs, between(prometheusPort, 0, 1<<16-1))
	default:
		number("OTEL_METRIC_EXPORT_INTERVAL", 1)
		number("OTEL_METRIC_EXPORT_TIMEOUT", 1)
		const temporality = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
		errs = append(errs, oneOf(temporality, lower(temporality), "cumulative", "delta", "lowmemory"))
	}
	if signal == "METRICS" {
		const filter = "OTEL_METRICS_EXEMPLAR_FILTER"
		errs = append(errs, oneOf(filter, lower(filter), "trace_based", "always_on", "always_off"))
	}
	return errors.Join(errs...)
}

// otlpVariable returns the name of the variable that holds a setting of the exporter
// for signal: its own if that is set, or else the one for all signals.
func otlpVariable(signal, setting string) string {
	if name := "OTEL_EXPORTER_OTLP_" + signal + "_" + setting; os.Getenv(name) != "" {
		return name
	}
	return "OTEL_EXPORTER_OTLP_" + setting
}

// lower returns the value of a variable that the SDK compares without regard to case
// and white space around it.
func lower(name string) string { return strings.ToLower(strings.TrimSpace(os.Getenv(name))) }

// oneOf returns an error if the value of the variable is neither empty nor one of
// values.
func oneOf(name, value string, values ...string) error {
	if value == "" || slices.Contains(values, value) {
		return nil
	}
	last := len(values) - 1
	return fmt.Errorf("%s=%s is unknown, want %s or %s", name, value, strings.Join(values[:last], ", "), values[last])
}

// between returns an error if the variable is set to something else than a number in
// the range.
func between(name string, from, to int) error {
	value := os.Getenv(name)
	if value == "" {
		return nil
	}
	if n, err := strconv.Atoi(value); err == nil && n >= from && n <= to {
		return nil
	}
	want := fmt.Sprintf("a whole number from %d to %d", from, to)
	if to == mostMillis && !strings.HasSuffix(name, "_SIZE") {
		want += ", in milliseconds and without a unit"
	}
	return fmt.Errorf("%s=%s is wrong, want %s", name, value, want)
}

// joinOnce joins errors, and leaves out those whose text was there before: one
// variable can be wrong for two signals.
func joinOnce(errs ...error) error {
	var flat []error
	for _, err := range errs {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			flat = append(flat, joined.Unwrap()...)
		} else if err != nil {
			flat = append(flat, err)
		}
	}
	seen := map[string]bool{}
	return errors.Join(slices.DeleteFunc(flat, func(err error) bool {
		text := err.Error()
		defer func() { seen[text] = true }()
		return seen[text]
	})...)
}
