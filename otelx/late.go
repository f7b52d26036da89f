// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"log/slog"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/penstock-go/penstock/internal/errtype"
)

// late is a series of an observable counter that is not known before it is needed. It
// reports 0 at its first collection and its count from then on: Prometheus' increase()
// does not see the first count of a series that begins with it.
type late struct {
	n        atomic.Int64
	reported atomic.Bool
	labels   metric.MeasurementOption
}

// add counts one. It does nothing on nil.
func (l *late) add() {
	if l != nil {
		l.n.Add(1)
	}
}

// report reports the count to i, in the last collection also if it is the first.
func (l *late) report(to metric.Observer, i metric.Int64Observable, last bool) {
	n := l.n.Load()
	if !l.reported.Swap(true) && !last {
		n = 0
	}
	to.ObserveInt64(i, n, l.labels)
}

// errorTypes are the error types that operations of every backend may have. They have
// their series from the first operation of a name on.
var errorTypes = [...]string{
	errtype.Timeout, errtype.Deadline, errtype.Canceled, "circuit_open", "unhealthy",
	"pool_timeout", errtype.PoolClosed, "too_many_waiters", "connect_error",
	"unauthenticated", errtype.RateLimited, "local_rate_limit", errtype.BulkheadFull,
	"invalid_request", errtype.Panic, other,
}

// maxCodes is how many pairs of an operation and an error type of the backend's own are
// counted. Together with errorTypes of maxNames operations they are fewer than the
// 2,000 series of the SDK.
const maxCodes = 300

// failures counts the operations that failed, by operation and error type.
type failures struct {
	labels *labels                               // operation, error type
	common table[string, *[len(errorTypes)]late] // by operation; with errorTypes
	codes  table[[2]string, *late]               // by operation and any other error type
	full   *fold
}

func newFailures(s *settings, o *overflow) *failures {
	f := &failures{labels: newLabels(pooled(s.poolName), attrOperation, attrErrorType), full: o.of(attrErrorType)}
	f.labels.sets.limit = 0 // a late keeps its own
	f.common.limit = maxNames + 1
	f.codes.limit = maxCodes
	return f
}

// start makes the series of an operation. It does nothing on nil.
func (f *failures) start(operation string) {
	if f == nil {
		return
	}
	f.common.add(operation, func() *[len(errorTypes)]late {
		row := new([len(errorTypes)]late)
		for i := range row {
			row[i].labels = f.labels.build([3]string{operation, errorTypes[i]})
		}
		return row
	})
}

// of returns the series of an operation that was started, nil on nil. Beyond the limit
// it is the one of _OTHER.
func (f *failures) of(operation, errorType string) *late {
	if f == nil {
		return nil
	}
	row, _ := f.common.get(operation)
	for i, t := range errorTypes {
		if t == errorType {
			return &row[i]
		}
	}
	l, ok := f.codes.add([2]string{operation, errorType}, func() *late {
		return &late{labels: f.labels.build([3]string{operation, errorType})}
	})
	if !ok {
		return &row[len(row)-1]
	}
	return l
}

// report reports all series to i. It does nothing on nil.
func (f *failures) report(to metric.Observer, i metric.Int64Observable, last bool) {
	if f == nil {
		return
	}
	for _, row := range f.common.all() {
		for n := range row {
			row[n].report(to, i, last)
		}
	}
	for _, l := range f.codes.all() {
		l.report(to, i, last)
	}
}

// overflow counts the measurements that are folded into _OTHER.
type overflow struct {
	settings *settings
	folds    []*fold
}

// fold counts the measurements that are folded because of one attribute.
type fold struct {
	late
	attribute attribute.Key
	limit     int
	settings  *settings
	seen      atomic.Bool // an operation that was not sampled was folded
}

func newOverflow(s *settings) *overflow {
	o := &overflow{settings: s}
	o.add(attrOperation, maxNames)
	o.add(attrCollection, maxCollections)
	o.add(attrErrorType, maxErrors)
	return o
}

func (o *overflow) add(key attribute.Key, limit int) *fold {
	f := &fold{attribute: key, limit: limit, settings: o.settings}
	kvs := append(pooled(o.settings.poolName), attrTelemetryAttribute.String(string(key)))
	f.labels = metric.WithAttributeSet(attribute.NewSet(kvs...))
	o.folds = append(o.folds, f)
	return f
}

// of returns the fold of an attribute; nil if there is none.
func (o *overflow) of(key attribute.Key) *fold {
	for _, f := range o.folds {
		if f.attribute == key {
			return f
		}
	}
	return nil
}

// watch makes o count what the labels fold.
func (o *overflow) watch(all ...*labels) {
	for _, l := range all {
		if l.open == "" {
			continue
		}
		if l.fold = o.of(l.open); l.fold == nil {
			l.fold = o.add(l.open, maxLabels)
		}
	}
}

// report reports all series to i.
func (o *overflow) report(to metric.Observer, i metric.Int64Observable, last bool) {
	for _, f := range o.folds {
		f.report(to, i, last)
	}
}

// add counts a measurement, and logs the first one. It does nothing on nil.
func (f *fold) add(ctx context.Context) {
	if f == nil || f.n.Add(1) != 1 {
		return
	}
	f.settings.logger.LogAttrs(ctx, slog.LevelWarn, "penstock: an attribute has too many values for metrics",
		slog.String("pool", f.settings.poolName), slog.String("attribute", string(f.attribute)), slog.Int("limit", f.limit),
		slog.String("remedy", "further values are counted as _OTHER: give operations and targets few names, or leave the attribute out with a view of the SDK"))
}
