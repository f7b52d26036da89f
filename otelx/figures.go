// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/penstock-go/penstock/internal/text"
)

// Figures are the state of a client's stages at one moment. What is nil or zero is not
// in the metrics.
type Figures struct {
	// Breakers are the circuit breakers.
	Breakers []BreakerFigures
	// Up says whether the health gate is open. Nil is no gate.
	Up *bool
	// RetryBudget is how many retries the budget would grant now. Nil is no budget, or
	// an unlimited one.
	RetryBudget *float64
	// Bulkhead is the bulkhead, and Limiter the rate limiter.
	Bulkhead *BulkheadFigures
	Limiter  *LimiterFigures
	// Async are the operations of core.Go.
	Async *AsyncFigures
	// Endpoints are the addresses of the backend, if there are several.
	Endpoints []EndpointFigures
	// Fallbacks are how many operations got their result from a fallback so far, by
	// the name of the operation.
	Fallbacks map[string]uint64
	// AttemptTimeout and OperationTimeout are the limits of the client's own. Zero is
	// no limit.
	AttemptTimeout, OperationTimeout time.Duration
	// Configuration are the changes of settings. Nil is not known.
	Configuration *ConfigurationFigures
}

// ConfigurationFigures are the generation of the settings in force, and how many changes
// of settings were applied and refused so far.
type ConfigurationFigures struct {
	Generation, Applied, Refused uint64
}

// BreakerFigures are the state of the circuit breakers of one name.
type BreakerFigures struct {
	Name string
	// States are how many breakers of that name are in each state, by the name of the
	// state.
	States map[string]int
	// RecoveryTimeout is how long a breaker stays open.
	RecoveryTimeout time.Duration
}

// BulkheadFigures are the operations that run, wait, and run at once at most, and what
// became of all so far.
type BulkheadFigures struct {
	Running, Waiting, Limit int
	Admitted, Rejected      uint64
}

// LimiterFigures are the operations that may start in a second, and what became of all
// so far.
type LimiterFigures struct {
	Limit              float64
	Admitted, Rejected uint64
}

// AsyncFigures are the operations that core.Go runs now and runs at once at most, and
// those that it refused so far. Limit is negative if there is no limit.
type AsyncFigures struct {
	Running, Limit int
	Rejected       uint64
}

// last returns the figures of a client that is closed: what it counted, and no room.
func (f Figures) last() Figures {
	f.Breakers, f.Up, f.RetryBudget, f.AttemptTimeout, f.OperationTimeout = nil, nil, nil, 0, 0
	f.Endpoints = lastOfEndpoints(f.Endpoints)
	if f.Configuration != nil {
		f.Configuration = &ConfigurationFigures{Applied: f.Configuration.Applied, Refused: f.Configuration.Refused}
	}
	if f.Bulkhead != nil {
		f.Bulkhead = &BulkheadFigures{Running: f.Bulkhead.Running, Admitted: f.Bulkhead.Admitted, Rejected: f.Bulkhead.Rejected}
	}
	if f.Limiter != nil {
		f.Limiter = &LimiterFigures{Admitted: f.Limiter.Admitted, Rejected: f.Limiter.Rejected}
	}
	if f.Async != nil {
		f.Async = &AsyncFigures{Running: f.Async.Running, Rejected: f.Async.Rejected}
	}
	return f
}

// figureInstruments are observed from a client's Figures, and from what the observer
// counts itself, when metrics are collected.
type figureInstruments struct {
	breakerState, healthStatus                        metric.Int64ObservableUpDownCounter
	bulkheadRunning, bulkheadWaiting, bulkheadLimit   metric.Int64ObservableUpDownCounter
	asyncRunning, asyncLimit                          metric.Int64ObservableUpDownCounter
	bulkheadOps, limiterOps, asyncRejected            metric.Int64ObservableCounter
	configChanges                                     metric.Int64ObservableCounter
	failures, fallbacks, overflow                     metric.Int64ObservableCounter
	recovery, retryBudget, limiterLimit, timeoutLimit metric.Float64ObservableGauge
	generation                                        metric.Float64ObservableGauge

	endpointState, endpointInFlight metric.Int64ObservableUpDownCounter
	endpointEjections               metric.Int64ObservableCounter
	endpointLatency                 metric.Float64ObservableGauge

	all []metric.Observable
}

func newFigureInstruments(m metric.Meter) (i figureInstruments, err error) {
	var faults []error
	add := func(o metric.Observable, err error) {
		i.all = append(i.all, o)
		if err != nil {
			faults = append(faults, err)
		}
	}
	level := func(name, unit, description string) metric.Int64ObservableUpDownCounter {
		o, err := m.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		add(o, err)
		return o
	}
	counter := func(name, unit, description string) metric.Int64ObservableCounter {
		o, err := m.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		add(o, err)
		return o
	}
	gauge := func(name, unit, description string) metric.Float64ObservableGauge {
		o, err := m.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		add(o, err)
		return o
	}
	i.generation = gauge(metricGeneration, "1", "The generation of the settings in force: 1 at the start, and one more with each change.")
	i.configChanges = counter(metricConfigChanges, "{change}", "The number of changes of settings that were applied or refused.")
	i.breakerState = level(metricBreakerState, "1", "The number of circuit breakers in a state: 1 for the present state of a breaker, 0 for the others.")
	i.recovery = gauge(metricRecovery, "s", "How long a circuit breaker stays open.")
	i.healthStatus = level(metricHealthStatus, "1", "1 while the health gate is open, 0 while it is shut.")
	i.retryBudget = gauge(metricRetryBudget, "{retry}", "How many retries the budget would grant now.")
	i.timeoutLimit = gauge(metricTimeoutLimit, "s", "The limits of the client's own.")
	i.bulkheadRunning = level(metricBulkheadRunning, "{operation}", "The number of operations that hold a slot of the bulkhead.")
	i.bulkheadWaiting = level(metricBulkheadWaiting, "{operation}", "The number of operations that wait for a slot of the bulkhead.")
	i.bulkheadLimit = level(metricBulkheadLimit, "{operation}", "The number of slots of the bulkhead.")
	i.bulkheadOps = counter(metricBulkheadOps, "{operation}", "The number of operations that the bulkhead admitted or rejected.")
	i.limiterLimit = gauge(metricLimiterLimit, "{operation}/s", "How many operations the rate limiter lets start in a second.")
	i.limiterOps = counter(metricLimiterOps, "{operation}", "The number of operations that the rate limiter admitted or rejected.")
	i.asyncRunning = level(metricAsyncRunning, "{operation}", "The number of asynchronous operations that run.")
	i.asyncLimit = level(metricAsyncLimit, "{operation}", "The number of asynchronous operations that may run at once.")
	i.asyncRejected = counter(metricAsyncRejected, "{operation}", "The number of asynchronous operations that were refused.")
	i.failures = counter(metricFailures, "{operation}", "The number of operations that failed.")
	i.fallbacks = counter(metricFallbacks, "{operation}", "The number of operations that got their result from a fallback.")
	i.overflow = counter(metricOverflow, "{measurement}", "The number of measurements that were folded into _OTHER.")
	i.endpointState = level(metricEndpointState, "1", "1 for the present state of an endpoint, 0 for the other states.")
	i.endpointInFlight = level(metricEndpointInFlight, "{lease}", "The number of leases of an endpoint that are out.")
	i.endpointEjections = counter(metricEndpointEjections, "{ejection}", "The number of ejections of an endpoint, by reason.")
	i.endpointLatency = gauge(metricEndpointLatency, "s", "The average latency by which endpoints are chosen; it follows a rise at once.")
	return i, errors.Join(faults...)
}

// RegisterFigures makes the metrics of the client called name read its figures each
// time they are collected, until [Observer.Close]: the state of its stages, and what the
// Observer itself counts when metrics are collected, such as
// penstock.operation.failures. name is the name of the client's pool. The counters of
// which all series are known have their zero from here on.
//
// The rules are those of [Observer.RegisterPool]: read must be safe for concurrent use,
// and must not collect metrics; a panic in it is an error of the collection; after Close
// the next collection has the last counts, without states and limits. An empty name, a
// nil read, a name that is registered already with the same meter provider, and a closed
// Observer are errors.
func (o *Observer) RegisterFigures(name string, read func() Figures) error {
	switch {
	case name == "":
		return errors.New("otelx: the figures of a client need the name of its pool")
	case read == nil:
		return fmt.Errorf("otelx: client %q has no figures: give a function that returns them", name)
	}
	name = text.Clean(name)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return fmt.Errorf("otelx: figures of client %q registered after Close", name)
	}
	c := &registered[Figures]{key: o.registryKey("client", name), last: Figures.last, stats: contained("figures of client "+name, read)}
	if !registry.add(c.key, c) && o.collected() {
		return fmt.Errorf("otelx: the figures of client %q are registered already with this meter provider: give each client's pool a name of its own (pool.Config.Name), or close the other client first", name)
	}
	r := newReport(o, name)
	registration, err := o.meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		now, last, ok, err := c.read()
		if ok || err != nil { // the Observer's own counts do not depend on the client
			r.own(to, last)
		}
		if ok {
			r.client(to, now, last)
		}
		return err
	}, o.inst.figures.all...)
	if err != nil {
		registry.remove(c.key, c)
		return fmt.Errorf("otelx: cannot register the figures of client %q: %w", name, err)
	}
	c.registration = registration
	o.registered = append(o.registered, c)
	if first, err := c.stats(); err == nil {
		o.zero(first)
	}
	return nil
}

// report reports the figures of one client.
type report struct {
	observer *Observer
	*figureInstruments

	self, admitted, rejected, perAttempt, perOperation metric.MeasurementOption
	applied, refused                                   metric.MeasurementOption // changes of settings
	breakers                                           *labels                  // name, state
	names                                              *labels                  // breaker
	operations                                         *labels
	fellBack                                           table[string, *late]
}

func newReport(o *Observer, name string) *report {
	pool := []attribute.KeyValue{attrPoolName.String(name)}
	admission, scope := newLabels(pool, attrAdmission), newLabels(pool, attrTimeoutScope)
	r := &report{
		observer: o, figureInstruments: &o.inst.figures,
		self:     newLabels(pool).of(),
		admitted: admission.of(admitted), rejected: admission.of(rejected),
		perAttempt: scope.of(scopeAttempt), perOperation: scope.of(scopeOperation),
		breakers:   newLabels(pool, attrBreakerName, attrBreakerState),
		names:      newLabels(pool, attrBreakerName),
		operations: newLabels(pool, attrOperation),
	}
	changes := newLabels(pool, attrConfigOutcome)
	r.applied, r.refused = changes.of(changeApplied), changes.of(changeRefused)
	r.fellBack.limit = maxLabels
	return r
}

// own reports what the Observer counts itself.
func (r *report) own(to metric.Observer, last bool) {
	r.observer.failures.report(to, r.failures, last)
	r.observer.overflow.report(to, r.overflow, last)
}

// client reports the figures of the client.
func (r *report) client(to metric.Observer, f Figures, last bool) {
	for _, b := range f.Breakers {
		for _, state := range breakerStates {
			to.ObserveInt64(r.breakerState, int64(b.States[state]), r.breakers.of(b.Name, state))
		}
		to.ObserveFloat64(r.recovery, b.RecoveryTimeout.Seconds(), r.names.of(b.Name))
	}
	if f.Up != nil {
		up := int64(0)
		if *f.Up {
			up = 1
		}
		to.ObserveInt64(r.healthStatus, up, r.self)
	}
	if f.RetryBudget != nil {
		to.ObserveFloat64(r.retryBudget, *f.RetryBudget, r.self)
	}
	if f.AttemptTimeout > 0 {
		to.ObserveFloat64(r.timeoutLimit, f.AttemptTimeout.Seconds(), r.perAttempt)
	}
	if f.OperationTimeout > 0 {
		to.ObserveFloat64(r.timeoutLimit, f.OperationTimeout.Seconds(), r.perOperation)
	}
	r.stages(to, f, last)
	if c := f.Configuration; c != nil {
		if !last {
			to.ObserveFloat64(r.generation, float64(c.Generation), r.self)
		}
		to.ObserveInt64(r.configChanges, int64(c.Applied), r.applied)
		to.ObserveInt64(r.configChanges, int64(c.Refused), r.refused)
	}
	r.endpoints(to, f.Endpoints, last)
	for name, n := range f.Fallbacks {
		l, ok := r.fellBack.add(name, func() *late { return &late{labels: r.operations.of(name)} })
		if ok {
			l.n.Store(int64(n))
			l.report(to, r.fallbacks, last)
		}
	}
}

// stages reports the stages that bound operations.
func (r *report) stages(to metric.Observer, f Figures, last bool) {
	if b := f.Bulkhead; b != nil {
		to.ObserveInt64(r.bulkheadRunning, int64(b.Running), r.self)
		to.ObserveInt64(r.bulkheadWaiting, int64(b.Waiting), r.self)
		to.ObserveInt64(r.bulkheadLimit, int64(b.Limit), r.self)
		to.ObserveInt64(r.bulkheadOps, int64(b.Admitted), r.admitted)
		to.ObserveInt64(r.bulkheadOps, int64(b.Rejected), r.rejected)
	}
	if l := f.Limiter; l != nil {
		if !last {
			to.ObserveFloat64(r.limiterLimit, l.Limit, r.self)
		}
		to.ObserveInt64(r.limiterOps, int64(l.Admitted), r.admitted)
		to.ObserveInt64(r.limiterOps, int64(l.Rejected), r.rejected)
	}
	if a := f.Async; a != nil {
		to.ObserveInt64(r.asyncRunning, int64(a.Running), r.self)
		if a.Limit >= 0 {
			to.ObserveInt64(r.asyncLimit, int64(a.Limit), r.self)
		}
		to.ObserveInt64(r.asyncRejected, int64(a.Rejected), r.self)
	}
}
