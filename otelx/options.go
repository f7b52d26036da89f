// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"log/slog"
	"net"
	"reflect"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/fault"
	"github.com/penstock-go/penstock/internal/text"
)

// defaultEvidence is how many traces a second are exported although they are not sampled.
const defaultEvidence = 10

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
	evidence       int // traces a second; NoEvidence is off
	slow           time.Duration
	rejections     int // traces a second; zero is no limit
	probeSpans     bool
	attempts       bool
	logger         *slog.Logger
	panicked       sync.Once // attributesFunc panicked, which is logged
	attributesFunc func(context.Context, core.Op) []attribute.KeyValue
	returnedRows   bool
}

// WithTracerProvider sets the provider of spans. Without it, or with nil, there
// are no spans. A nil pointer to a provider is an error.
func WithTracerProvider(tp trace.TracerProvider) Option {
	return func(s *settings) { s.tracers = tp }
}

// WithMeterProvider sets the provider of metrics. Without it, or with nil, there
// are no metrics. A nil pointer to a provider is an error.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return func(s *settings) { s.meters = mp }
}

// WithSystem sets db.system.name, such as "postgresql". The default is "_OTHER".
func WithSystem(name string) Option { return func(s *settings) { s.system = name } }

// WithNamespace sets db.namespace, the database within the system.
func WithNamespace(db string) Option { return func(s *settings) { s.namespace = db } }

// WithServer sets server.address and server.port. Port zero means that the port
// is not known. Telemetry leaves server.port out if it is the default port, see
// [WithDefaultPort].
func WithServer(address string, port int) Option {
	return func(s *settings) { s.address, s.port = address, port }
}

// WithDefaultPort says on which port servers of the system listen by default. The
// adapter of a backend sets it. Zero, the default, means that there is none.
func WithDefaultPort(port int) Option { return func(s *settings) { s.defaultPort = port } }

// WithPoolName sets db.client.connection.pool.name, which must be unique in the
// application. The default is "address:port/namespace", as far as they are known.
func WithPoolName(name string) Option { return func(s *settings) { s.poolName = name } }

// WithAttributes adds attributes to the span of every operation. An attribute of
// this package wins over one with the same key.
func WithAttributes(kv ...attribute.KeyValue) Option {
	return func(s *settings) { s.attributes = append(s.attributes, kv...) }
}

// WithPeerService sets peer.service and service.peer.name, which name the backend as a
// service. The default is the name of the system; "-" leaves both attributes out.
func WithPeerService(name string) Option { return func(s *settings) { s.peer = name } }

// WithStartUnsampled says whether an operation asks the sampler although its
// parent span is not sampled. The default is false: a sampler that follows the
// parent's decision, like the SDK's default, says no, and the question costs more
// than the rest of the operation's telemetry. A sampler that overrules the parent
// needs true.
func WithStartUnsampled(start bool) Option { return func(s *settings) { s.startUnsampled = start } }

// NoEvidence as the argument of [WithEvidence] exports nothing that is not sampled.
const NoEvidence = -1

// WithEvidence sets how many traces a second the observer exports although they were not
// sampled: operations that failed, were rejected, recovered in a retry, were hedged or
// were slow, the first answer of its kind in place of a result, the first operation that
// the metrics fold into _OTHER, and dials that failed. Zero, the default, is 10; [NoEvidence] is none.
// Operations beyond the limit are counted in penstock.evidence.traces.
//
// The spans are written when the operation has ended, below a copy of the context of the
// span that was not sampled, whose sampled flag is set. A sampler that follows the
// parent, like the SDK's default, takes them. Package sdk wraps any other sampler. The
// trace stage must be in the chain.
func WithEvidence(perSecond int) Option { return func(s *settings) { s.evidence = perSecond } }

// WithSlow makes an operation evidence that takes at least threshold, see [WithEvidence].
// Zero, the default, is no threshold. With and without it, a few operations that take
// more than three times the moving 99th percentile of their name and target are
// evidence: one in 2,500 operations, and up to three at once.
func WithSlow(threshold time.Duration) Option { return func(s *settings) { s.slow = threshold } }

// WithRejectionLimit sets how many operations a second are exported that were sampled and
// that this process refused before an attempt held a connection. Operations beyond the
// limit are counted in penstock.evidence.traces. Zero, the default, is no limit.
//
// The spans beyond the limit are never ended, so a span processor that keeps the spans
// that are under way, such as that of zPages, must not be used with a limit.
func WithRejectionLimit(perSecond int) Option { return func(s *settings) { s.rejections = perSecond } }

// WithProbeSpans says whether each health probe gets a span, health.check, in a trace
// of its own. The default is false: probes would fill the search of traces.
func WithProbeSpans(spans bool) Option { return func(s *settings) { s.probeSpans = spans } }

// WithAttemptDuration says whether penstock.attempt.duration is recorded, see
// [Observer.MeasureAttempts]. The default is false: that costs each attempt a reading
// of the clock and a measurement.
func WithAttemptDuration(measured bool) Option { return func(s *settings) { s.attempts = measured } }

// WithLogger sets where the observer logs what an operator must know of the telemetry
// itself: the first value of an attribute that is folded into _OTHER, and a sampler that
// takes no evidence. Nil, the default, is nowhere.
func WithLogger(logger *slog.Logger) Option { return func(s *settings) { s.logger = logger } }

// resolve fills in the defaults. It returns all faults in one error.
func (s *settings) resolve() error {
	var faults fault.List
	if isNilPointer(s.tracers) {
		faults.Add("WithTracerProvider: the provider is a nil %T: make one, or leave the provider out", s.tracers)
	}
	if isNilPointer(s.meters) {
		faults.Add("WithMeterProvider: the provider is a nil %T: make one, or leave the provider out", s.meters)
	}
	if s.port < 0 || s.port > 65535 {
		faults.Add("WithServer: the port is %d, want 0 (unknown) to 65535", s.port)
	}
	if s.defaultPort < 0 || s.defaultPort > 65535 {
		faults.Add("WithDefaultPort: the port is %d, want 0 (none) to 65535", s.defaultPort)
	}
	if s.evidence < NoEvidence {
		faults.Add("WithEvidence: %d traces a second, want 0 (the default, %d) or more, or otelx.NoEvidence", s.evidence, defaultEvidence)
	}
	if s.slow < 0 {
		faults.Add("WithSlow: the threshold is %v, want 0 (none) or more", s.slow)
	}
	if s.rejections < 0 {
		faults.Add("WithRejectionLimit: %d traces a second, want 0 (no limit) or more", s.rejections)
	}
	for _, kv := range s.attributes {
		if !kv.Valid() {
			faults.Add("WithAttributes: %q is not a valid attribute: give it a key and a value", kv.Key)
		}
	}
	if err := faults.Err("otelx"); err != nil {
		return err
	}

	for _, p := range []*string{&s.system, &s.namespace, &s.address, &s.poolName, &s.peer} {
		*p = text.Clean(*p)
	}
	for i, kv := range s.attributes {
		s.attributes[i] = text.Attribute(kv)
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	switch s.peer {
	case "":
		s.peer = s.system
	case "-":
		s.peer = ""
	}
	if s.evidence == 0 {
		s.evidence = defaultEvidence
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.system == "" {
		s.system = other
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

// isNilPointer reports whether the provider is not nil itself, and the pointer in
// it is.
func isNilPointer(provider any) bool {
	v := reflect.ValueOf(provider)
	return v.Kind() == reflect.Pointer && v.IsNil()
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
		kvs = append(kvs, attrAddress.String(s.address))
		if s.port != 0 && s.port != s.defaultPort {
			kvs = append(kvs, attrPort.Int(s.port))
		}
	}
	return kvs
}
