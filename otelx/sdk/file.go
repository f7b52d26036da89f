// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/contrib/otelconf"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	yaml "go.yaml.in/yaml/v3"
)

// configFile is the variable with the path of a declarative configuration.
const configFile = "OTEL_CONFIG_FILE"

// setupFromFile fills s from the declarative configuration in the file at path, which
// takes the place of all other variables.
func (s *SDK) setupFromFile(ctx context.Context, path string, cfg Config, logger *slog.Logger) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fileError(nil, err)
	}
	model, err := otelconf.ParseYAML(text)
	if err != nil {
		return fileError(text, err)
	}
	if err := checkEndpoints(model); err != nil {
		return fileError(nil, err)
	}
	if model.MeterProvider != nil && slices.ContainsFunc(model.MeterProvider.Readers, isPull) {
		return fileError(nil, errors.New("meter_provider has a pull reader, which the file cannot have yet: "+
			"use a periodic reader with otlp_http, which Prometheus receives, or set OTEL_METRICS_EXPORTER=prometheus in place of the file"))
	}
	// NewSDK reads the file again, by the variable.
	var opts []sdktrace.TracerProviderOption
	for _, p := range cfg.SpanProcessors {
		opts = append(opts, sdktrace.WithSpanProcessor(p))
	}
	made, err := otelconf.NewSDK(
		otelconf.WithContext(ctx), otelconf.WithOpenTelemetryConfiguration(*model), otelconf.WithTracerProviderOptions(opts...),
	)
	if err != nil {
		return fileError(text, err)
	}
	s.tracers, s.meters, s.propagator = made.TracerProvider(), made.MeterProvider(), watch(made.Propagator(), logger)
	// Nil for a signal that the file does not have, and then a no-op.
	tp, _ := s.tracers.(*sdktrace.TracerProvider)
	mp, _ := s.meters.(*sdkmetric.MeterProvider)
	if tp == nil && len(opts) > 0 && !isTrue(model.Disabled) {
		tp = sdktrace.NewTracerProvider(opts...)
		s.tracers = tp
	}
	s.stop = func(ctx context.Context) error {
		err := shutdown(ctx, tp, mp)
		// The file may have made a provider of logs, which nothing here uses.
		if logs, ok := made.LoggerProvider().(interface{ Shutdown(context.Context) error }); ok {
			err = errors.Join(err, logs.Shutdown(ctx))
		}
		return err
	}
	if !isTrue(model.Disabled) {
		errorHandler.use(logger)
		warnOfFile(ctx, text, model, logger)
	}
	return nil
}

func isTrue(b *bool) bool { return b != nil && *b }

func isPull(r otelconf.MetricReader) bool { return r.Pull != nil }

// checkEndpoints returns an error for an endpoint of otlp_http that is no URL. The
// exporter takes localhost in its place, and tells nobody. The error does not repeat
// the value, which may hold a password.
func checkEndpoints(model *otelconf.OpenTelemetryConfiguration) error {
	var errs []error
	check := func(endpoint *string, where, path string) {
		if endpoint == nil {
			return
		}
		if u, err := url.Parse(*endpoint); err != nil || u.Host == "" {
			errs = append(errs, fmt.Errorf("the endpoint of otlp_http in %s is not a URL such as http://localhost:4318/v1/%s", where, path))
		}
	}
	if model.TracerProvider != nil {
		for i, p := range model.TracerProvider.Processors {
			where := fmt.Sprintf("tracer_provider.processors[%d]", i)
			if p.Batch != nil && p.Batch.Exporter.OTLPHttp != nil {
				check(p.Batch.Exporter.OTLPHttp.Endpoint, where, "traces")
			}
			if p.Simple != nil && p.Simple.Exporter.OTLPHttp != nil {
				check(p.Simple.Exporter.OTLPHttp.Endpoint, where, "traces")
			}
		}
	}
	if model.MeterProvider != nil {
		for i, r := range model.MeterProvider.Readers {
			if r.Periodic != nil && r.Periodic.Exporter.OTLPHttp != nil {
				check(r.Periodic.Exporter.OTLPHttp.Endpoint, fmt.Sprintf("meter_provider.readers[%d]", i), "metrics")
			}
		}
	}
	return errors.Join(errs...)
}

// fileError names the variable, the path, and the keys in text that nothing reads:
// a key that is spelled wrong is the usual reason for a missing one. An endpoint in the
// error is left out: it may hold a password.
func fileError(text []byte, err error) error {
	if bad, ok := errors.AsType[*url.Error](err); ok {
		err = errors.New(strings.ReplaceAll(err.Error(), fmt.Sprintf("%q", bad.URL), "an endpoint"))
	}
	if keys := unread(text); len(keys) > 0 {
		err = fmt.Errorf("%w (nothing reads %s)", err, strings.Join(keys, ", "))
	}
	return fmt.Errorf("sdk: cannot set up telemetry from %s=%s: %w", configFile, os.Getenv(configFile), err)
}

// warnOfFile logs what is legal in the file, and probably not meant.
func warnOfFile(ctx context.Context, text []byte, model *otelconf.OpenTelemetryConfiguration, logger *slog.Logger) {
	logger = logger.With("file", os.Getenv(configFile))
	if keys := unread(text); len(keys) > 0 {
		logger.WarnContext(ctx, configFile+" has keys that nothing reads", "keys", keys)
	}
	traces := model.TracerProvider != nil && len(model.TracerProvider.Processors) > 0
	metrics := model.MeterProvider != nil && len(model.MeterProvider.Readers) > 0
	if !traces && !metrics {
		logger.WarnContext(ctx, configFile+" exports nothing: it has neither a processor in tracer_provider nor a reader in meter_provider")
		return
	}
	named := func(kv otelconf.AttributeNameValue) bool { return kv.Name == string(semconv.ServiceNameKey) }
	inFile := model.Resource != nil && slices.ContainsFunc(model.Resource.Attributes, named)
	if _, inEnv := resource.Environment().Set().Value(semconv.ServiceNameKey); !inFile && !inEnv {
		logger.WarnContext(ctx, "telemetry has no service name: set service.name in resource.attributes of the file, or OTEL_SERVICE_NAME")
	}
	if traces && model.TracerProvider.Sampler != nil && model.TracerProvider.Sampler.TraceIDRatioBased != nil {
		logger.WarnContext(ctx, "the sampler trace_id_ratio_based drops operations that Penstock exports because they failed: "+
			"make it the root of a parent_based sampler")
	}
}

// unread returns the keys of the file that no field of the model is for, each with
// its path. It returns nil if the file is YAML only once its variables are replaced.
func unread(text []byte) []string {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil || len(root.Content) == 0 {
		return nil
	}
	var keys []string
	walk(root.Content[0], reflect.TypeFor[otelconf.OpenTelemetryConfiguration](), "", func(path string) {
		// These two are for other languages and vendors.
		if path != "instrumentation/development" && path != "distribution" {
			keys = append(keys, path)
		}
	})
	return keys
}

// walk calls found with the path of each key below node that the type t has no field
// for.
func walk(node *yaml.Node, t reflect.Type, path string, found func(path string)) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch {
	case node.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, item := range node.Content {
			walk(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i), found)
		}
	case node.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i].Value
			below := strings.TrimPrefix(path+"."+key, ".")
			if field, ok := fieldOf(t, key); ok {
				walk(node.Content[i+1], field, below, found)
			} else if key != "<<" { // a merge
				found(below)
			}
		}
	}
}

// fieldOf returns the type of the field of the struct t that YAML fills from key.
func fieldOf(t reflect.Type, key string) (reflect.Type, bool) {
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name == key {
			return t.Field(i).Type, true
		}
	}
	return nil, false
}
