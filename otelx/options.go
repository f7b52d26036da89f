// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// Option sets one property of an [Observer].
type Option func(*settings)

type settings struct {
	tracers        trace.TracerProvider
	meters         metric.MeterProvider
	system         string
	namespace      string
	address        string
	port           int
	defaultPort    int
	poolName       string
	peer           string
	attributes     []attribute.KeyValue
	startUnsampled bool
}

// defaultPorts are those that the systems we know listen on.
var defaultPorts = map[string]int{"milvus": 19530}

// WithTracerProvider sets where spans go. The default, and nil, is nowhere.
func WithTracerProvider(tp trace.TracerProvider) Option {
	return func(s *settings) { s.tracers = tp }
}

// WithMeterProvider sets where metrics go. The default, and nil, is nowhere.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return func(s *settings) { s.meters = mp }
}

// WithSystem sets db.system.name, such as "milvus". The default is "_OTHER".
func WithSystem(name string) Option { return func(s *settings) { s.system = name } }

// WithNamespace sets db.namespace, the database within the system.
func WithNamespace(db string) Option { return func(s *settings) { s.namespace = db } }

// WithServer sets server.address and server.port. A port of zero is not known.
// The port is left out of telemetry where it is the system's default.
func WithServer(address string, port int) Option {
	return func(s *settings) { s.address, s.port = address, port }
}

// WithDefaultPort says on which port the system listens by default. That of
// Milvus is known.
func WithDefaultPort(port int) Option { return func(s *settings) { s.defaultPort = port } }

// WithPoolName sets db.client.connection.pool.name, which must be unique in the
// application. The default is "address:port/namespace".
func WithPoolName(name string) Option { return func(s *settings) { s.poolName = name } }

// WithAttributes adds attributes to the span of every operation.
func WithAttributes(kv ...attribute.KeyValue) Option {
	return func(s *settings) { s.attributes = append(s.attributes, kv...) }
}

// WithPeerService sets peer.service and service.peer.name, by which Jaeger
// draws an arrow to a backend that sends no spans. The default is the name of
// the system; "-" leaves both out.
func WithPeerService(name string) Option { return func(s *settings) { s.peer = name } }

// WithStartUnsampled says whether an operation within a span that is not
// sampled asks the sampler all the same. The default is false: the samplers
// that follow the parent's decision, as the SDK's default does, would say no,
// and asking costs more than the rest. A sampler that overrules the parent
// needs true.
func WithStartUnsampled(start bool) Option { return func(s *settings) { s.startUnsampled = start } }

// resolve fills in the defaults and returns what is wrong.
func (s *settings) resolve() error {
	var faults []error
	if s.port < 0 || s.port > 65535 {
		faults = append(faults, fmt.Errorf("WithServer: no such port: %d", s.port))
	}
	if s.defaultPort < 0 || s.defaultPort > 65535 {
		faults = append(faults, fmt.Errorf("WithDefaultPort: no such port: %d", s.defaultPort))
	}
	for _, kv := range s.attributes {
		if !kv.Valid() {
			faults = append(faults, fmt.Errorf("WithAttributes: not a valid attribute: %q", kv.Key))
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("otelx: bad options: %w", errors.Join(faults...))
	}

	switch s.peer {
	case "":
		s.peer = s.system
	case "-":
		s.peer = ""
	}
	if s.system == "" {
		s.system = other
	}
	if s.defaultPort == 0 {
		s.defaultPort = defaultPorts[s.system]
	}
	if s.poolName == "" && s.address != "" {
		s.poolName = s.hostPort()
		if s.namespace != "" {
			s.poolName += "/" + s.namespace
		}
	}
	if _, ok := s.tracers.(tracenoop.TracerProvider); ok {
		s.tracers = nil
	}
	if _, ok := s.meters.(metricnoop.MeterProvider); ok {
		s.meters = nil
	}
	return nil
}

func (s *settings) hostPort() string {
	if s.port == 0 {
		return s.address
	}
	return net.JoinHostPort(s.address, strconv.Itoa(s.port))
}

// server returns the attributes that say where the backend is.
func (s *settings) server() []attribute.KeyValue {
	var kvs []attribute.KeyValue
	if s.address != "" {
		kvs = append(kvs, AttrAddress.String(s.address))
		if s.port != 0 && s.port != s.defaultPort {
			kvs = append(kvs, AttrPort.Int(s.port))
		}
	}
	return kvs
}
