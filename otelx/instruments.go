// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
)

// The semantic conventions give the buckets for operations. They give none for the times
// of connections and for rows. Ours of connections begin lower, because an acquire may
// take microseconds.
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

// maker makes instruments, and keeps the faults.
type maker struct {
	meter  metric.Meter
	faults []error
}

func (k *maker) fault(err error) {
	if err != nil {
		k.faults = append(k.faults, err)
	}
}

func (k *maker) counter(name, unit, description string) metric.Int64Counter {
	c, err := k.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
	k.fault(err)
	return c
}

func (k *maker) seconds(name string, buckets []float64, description string) metric.Float64Histogram {
	h, err := k.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(buckets...), metric.WithDescription(description))
	k.fault(err)
	return h
}

func (k *maker) observedCounter(name, unit, description string) metric.Int64ObservableCounter {
	c, err := k.meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	k.fault(err)
	return c
}

// observedLevel makes an instrument whose value goes up and down.
func (k *maker) observedLevel(name, unit, description string) metric.Int64ObservableUpDownCounter {
	c, err := k.meter.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	k.fault(err)
	return c
}

// newInstruments makes the instruments. Package dbconv has the names, units and
// descriptions of the instruments that begin with "db.".
func newInstruments(m metric.Meter, poolName string) (*instruments, error) {
	k := &maker{meter: m}
	duration, err := dbconv.NewClientOperationDuration(m, metric.WithExplicitBucketBoundaries(operationBuckets...))
	k.fault(err)
	createTime, err := dbconv.NewClientConnectionCreateTime(m, metric.WithExplicitBucketBoundaries(connectionBuckets...))
	k.fault(err)
	useTime, err := dbconv.NewClientConnectionUseTime(m, metric.WithExplicitBucketBoundaries(connectionBuckets...))
	k.fault(err)
	waitTime, err := dbconv.NewClientConnectionWaitTime(m, metric.WithExplicitBucketBoundaries(connectionBuckets...))
	k.fault(err)
	pool := pooled(poolName)
	figures, err := newFigureInstruments(m)
	k.fault(err)
	measures, err := newMeasures(m, pool)
	k.fault(err)
	i := &instruments{
		figures:  figures,
		measures: measures,

		duration:   duration.Inst(),
		createTime: createTime.Inst(),
		waitTime:   waitTime.Inst(),
		useTime:    useTime.Inst(),
		wait:       k.seconds(metricWait, connectionBuckets, "How long stages made operations wait."),
		deadline:   k.seconds(metricDeadline, operationBuckets, "How much time the callers had given to operations that their deadline ended."),

		retries:     k.counter(metricRetries, "{retry}", "The number of attempts made after a failed one."),
		outcomes:    k.counter(metricRetryOutcomes, "{operation}", "The number of operations in which an attempt failed, by how they ended."),
		transitions: k.counter(metricTransitions, "{transition}", "The number of transitions of a circuit breaker from one state to another."),
		health:      k.counter(metricHealth, "{transition}", "The number of transitions of a health gate from one state to another."),
		timeouts:    k.counter(metricTimeouts, "{timeout}", "The number of attempts and operations ended by a limit of the client's own."),
		panics:      k.counter(metricPanics, "{panic}", "The number of panics in functions of the user other than the work, which were recovered."),

		hedges: k.counter(metricHedges, "{hedge}", "The number of second runs of slow operations, by what became of them."),

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

		pool: k.newPoolInstruments(),
	}
	return i, errors.Join(k.faults...)
}
