// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"net"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/text"
)

// EndpointFigures are the state of one address of the backend.
type EndpointFigures struct {
	// Pool is the name of the pool that has the endpoint.
	Pool string
	// Address is host:port.
	Address string
	// Ejected says that the endpoint gets no calls.
	Ejected  bool
	InFlight int
	// Latency is the average by which endpoints are chosen.
	Latency time.Duration
	// Ejections are the ejections so far by reason, with an entry for each reason.
	Ejections map[string]uint64
}

// Values of attrEndpointState.
const (
	endpointIn      = "in"
	endpointEjected = "ejected"
)

// maxEndpoints is how many endpoints of a client are in the metrics. A host with more
// addresses has the first ones in them.
const maxEndpoints = 64

// lastOfEndpoints returns the figures of a client that is closed: what it counted.
func lastOfEndpoints(all []EndpointFigures) []EndpointFigures {
	last := make([]EndpointFigures, len(all))
	for i, e := range all {
		last[i] = EndpointFigures{Pool: e.Pool, Address: e.Address, InFlight: e.InFlight, Ejections: e.Ejections}
	}
	return last
}

// server returns the attributes of an address.
func server(address string) []attribute.KeyValue {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return []attribute.KeyValue{attrAddress.String(text.Clean(address))}
	}
	kvs := []attribute.KeyValue{attrAddress.String(text.Clean(host))}
	if n, err := strconv.Atoi(port); err == nil {
		kvs = append(kvs, attrPort.Int(n))
	}
	return kvs
}

// endpoints reports the endpoints.
func (r *report) endpoints(to metric.Observer, all []EndpointFigures, last bool) {
	for _, e := range all[:min(len(all), maxEndpoints)] {
		labels := append(server(e.Address), attrPoolName.String(text.Clean(e.Pool)))
		with := func(kvs ...attribute.KeyValue) metric.MeasurementOption {
			return metric.WithAttributeSet(attribute.NewSet(append(kvs, labels...)...))
		}
		to.ObserveInt64(r.endpointInFlight, int64(e.InFlight), with())
		for reason, n := range e.Ejections {
			to.ObserveInt64(r.endpointEjections, int64(n), with(attrEndpointReason.String(reason)))
		}
		if last {
			continue
		}
		in, out := int64(1), int64(0)
		if e.Ejected {
			in, out = out, in
		}
		to.ObserveInt64(r.endpointState, in, with(attrEndpointState.String(endpointIn)))
		to.ObserveInt64(r.endpointState, out, with(attrEndpointState.String(endpointEjected)))
		to.ObserveFloat64(r.endpointLatency, e.Latency.Seconds(), with())
	}
}

// EndpointChanged shows on the span of the operation that ctx belongs to, if there is
// one, that an endpoint changed its state while the operation was under way: the
// operation is what led to an ejection, or one of those that did. address is host:port,
// to the new state. It is safe for concurrent use.
func (o *Observer) EndpointChanged(ctx context.Context, address, to, reason string, err error) {
	op := o.operation(ctx)
	if op == nil {
		return
	}
	kvs := append(server(address), attrEndpointState.String(text.Clean(to)), attrEndpointReason.String(text.Clean(reason)))
	if err != nil {
		kvs = append(kvs, attrErrorType.String(core.ErrorType(err)), attrErrorMessage.String(text.Clean(err.Error())))
	}
	op.span.AddEvent(eventEndpoint, trace.WithAttributes(kvs...))
}
