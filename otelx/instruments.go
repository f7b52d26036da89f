// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
)

// The semantic conventions give the buckets for operations. They give none for the
// times of connections and for rows; ours of connections begin lower, because an acquire may take microseconds.
var (
	operationBuckets  = []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10}
	connectionBuckets = []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10}
	rowBuckets        = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384}
)

// instruments has every instrument of the observer, with its attributes.
type instruments struct {
	duration   metric.Float64Histogram
	createTime metric.Float64Histogram
	waitTime   metric.Float64Histogram
	useTime    metric.Float64Histogram
	wait       metric.Float64Histogram
	deadline   metric.Float64Histogram
	// returnedRows is nil without WithReturnedRows.
	returnedRows metric.Int64Histogram

	retries     metric.Int64Counter
	outcomes    metric.Int64Counter
	transitions metric.Int64Counter
	health      metric.Int64Counter
	timeouts    metric.Int64Counter
	panics      metric.Int64Counter
	hedges      metric.Int64Counter

	connLabels       *labels // pool name, error type
	retryLabels      *labels // operation, error type
	outcomeLabels    *labels // outcome
	transitionLabels *labels // name, from, to
	healthLabels     *labels // from, to
	timeoutLabels    *labels // scope
	waitLabels       *labels // stage, operation
	panicLabels      *labels // function
	deadlineLabels   *labels // operation
	hedgeLabels      *labels // operation, outcome

	pool    poolInstruments
	figures figureInstruments
	measures
}

// allLabels returns the labels whose values are bounded only by their number.
func (i *instruments) allLabels() []*labels {
	i.connLabels.open, i.retryLabels.open, i.attemptLabels.open = attrErrorType, attrErrorType, attrErrorType
	return []*labels{
		i.connLabels, i.retryLabels, i.outcomeLabels, i.transitionLabels, i.healthLabels, i.timeoutLabels,
		i.waitLabels, i.panicLabels, i.deadlineLabels, i.hedgeLabels, i.operationLabels, i.attemptLabels, i.probeLabels,
	}
}

// poolInstruments are observed from a pool's Stats when metrics are collected.
type poolInstruments struct {
	count, idleMax, idleMin, max, pending metric.Int64ObservableUpDownCounter
	timeouts, closed                      metric.Int64ObservableCounter

	leases, leasesLeft, stuck, leaving     metric.Int64ObservableUpDownCounter
	leaks, canceled, validations, failures metric.Int64ObservableCounter
	connects, disconnects                  metric.Int64ObservableCounter
}

func (p *poolInstruments) all() []metric.Observable {
	return []metric.Observable{
		p.count, p.idleMax, p.idleMin, p.max, p.pending, p.timeouts, p.closed,
		p.leases, p.leasesLeft, p.stuck, p.leaving, p.leaks, p.canceled, p.validations, p.failures,
		p.connects, p.disconnects,
	}
}

// more makes the instruments of a pool that the semantic conventions do not have.
func (p *poolInstruments) more(m metric.Meter, fault func(error)) {
	for _, row := range []struct {
		instrument        *metric.Int64ObservableUpDownCounter
		name, unit, about string
	}{
		{&p.leases, metricLeases, "{lease}", "The number of leases that are out."},
		{&p.leasesLeft, metricLeasesLeft, "{lease}", "The number of leases that the pool has room for beside those that are out."},
		{&p.stuck, metricStuck, "{call}", "The number of calls of the factory that have not returned although their context has ended."},
		{&p.leaving, metricConnLeaving, "{connection}", "The number of connections that are removed from the pool and not closed yet."},
	} {
		var err error
		*row.instrument, err = m.Int64ObservableUpDownCounter(row.name, metric.WithUnit(row.unit), metric.WithDescription(row.about))
		fault(err)
	}
	for _, row := range []struct {
		instrument        *metric.Int64ObservableCounter
		name, unit, about string
	}{
		{&p.leaks, metricLeaks, "{lease}", "The number of leases that were not returned in time."},
		{&p.canceled, metricWaitsCanceled, "{wait}", "The number of waits for a connection that the caller canceled."},
		{&p.validations, metricValidations, "{validation}", "The number of checks of connections without a caller."},
		{&p.failures, metricConnFailures, "{failure}", "The number of leases that came back broken or suspect, by the number of the connection."},
	} {
		var err error
		*row.instrument, err = m.Int64ObservableCounter(row.name, metric.WithUnit(row.unit), metric.WithDescription(row.about))
		fault(err)
	}
}

// newInstruments makes the instruments. Package dbconv has the names, units and
// descriptions of the instruments that begin with "db.".
func newInstruments(m metric.Meter, poolName string) (*instruments, error) {
	var faults []error
	fault := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	counter := func(name, unit, description string) metric.Int64Counter {
		c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		fault(err)
		return c
	}

	seconds := func(name string, buckets []float64, description string) metric.Float64Histogram {
		h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(buckets...), metric.WithDescription(description))
		fault(err)
		return h
	}

	duration, err := dbconv.NewClientOperationDuration(m, metric.WithExplicitBucketBoundaries(operationBuckets...))
	fault(err)
	createTime, err := dbconv.NewClientConnectionCreateTime(m, metric.WithExplicitBucketBoundaries(connectionBuckets...))
	fault(err)
	useTime, err := dbconv.NewClientConnectionUseTime(m, metric.WithExplicitBucketBoundaries(connectionBuckets...))
	fault(err)
	waitTime, err := dbconv.NewClientConnectionWaitTime(m, metric.WithExplicitBucketBoundaries(connectionBuckets...))
	fault(err)
	count, err := dbconv.NewClientConnectionCountObservable(m)
	fault(err)
	idleMax, err := dbconv.NewClientConnectionIdleMaxObservable(m)
	fault(err)
	idleMin, err := dbconv.NewClientConnectionIdleMinObservable(m)
	fault(err)
	limit, err := dbconv.NewClientConnectionMaxObservable(m)
	fault(err)
	pending, err := dbconv.NewClientConnectionPendingRequestsObservable(m)
	fault(err)
	timeouts, err := dbconv.NewClientConnectionTimeoutsObservable(m)
	fault(err)

	observed := func(name, description string) metric.Int64ObservableCounter {
		c, err := m.Int64ObservableCounter(name, metric.WithUnit("{connection}"), metric.WithDescription(description))
		fault(err)
		return c
	}

	pool := pooled(poolName)
	figures, err := newFigureInstruments(m)
	fault(err)
	measures, err := newMeasures(m, pool)
	fault(err)
	i := &instruments{
		figures:  figures,
		measures: measures,

		duration:   duration.Inst(),
		createTime: createTime.Inst(),
		waitTime:   waitTime.Inst(),
		useTime:    useTime.Inst(),
		wait:       seconds(metricWait, connectionBuckets, "How long stages made operations wait."),
		deadline:   seconds(metricDeadline, operationBuckets, "How much time the callers had given to operations that their deadline ended."),

		retries:     counter(metricRetries, "{retry}", "The number of attempts made after a failed one."),
		outcomes:    counter(metricRetryOutcomes, "{operation}", "The number of operations in which an attempt failed, by how they ended."),
		transitions: counter(metricTransitions, "{transition}", "The number of transitions of a circuit breaker from one state to another."),
		health:      counter(metricHealth, "{transition}", "The number of transitions of a health gate from one state to another."),
		timeouts:    counter(metricTimeouts, "{timeout}", "The number of attempts and operations ended by a limit of the client's own."),
		panics:      counter(metricPanics, "{panic}", "The number of panics in functions of the user other than the work, which were recovered."),

		hedges: counter(metricHedges, "{hedge}", "The number of second runs of slow operations, by what became of them."),

		connLabels:       newLabels(nil, attrPoolName, attrErrorType),
		retryLabels:      newLabels(pool, attrOperation, attrErrorType),
		outcomeLabels:    newLabels(pool, attrRetryOutcome),
		transitionLabels: newLabels(pool, attrBreakerName, attrBreakerFrom, attrBreakerTo),
		healthLabels:     newLabels(pool, attrHealthFrom, attrHealthTo),
		timeoutLabels:    newLabels(pool, attrTimeoutScope),
		waitLabels:       newLabels(pool, attrStage, attrOperation),
		panicLabels:      newLabels(pool, attrFunction),
		deadlineLabels:   newLabels(pool, attrOperation),
		hedgeLabels:      newLabels(pool, attrOperation, attrHedgeOutcome),

		pool: poolInstruments{
			count: count.Inst(), idleMax: idleMax.Inst(), idleMin: idleMin.Inst(), max: limit.Inst(), pending: pending.Inst(),
			timeouts:    timeouts.Inst(),
			closed:      observed(metricConnClosed, "The number of connections closed, by reason."),
			connects:    observed(metricConnects, "The number of connections of the transport below the pool, and of attempts in vain, by reason."),
			disconnects: observed(metricDisconnects, "The number of connections of the transport below the pool that ended, by reason."),
		},
	}
	i.pool.more(m, fault)
	return i, errors.Join(faults...)
}
