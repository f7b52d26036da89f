// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/penstock-go/penstock/internal/text"
	"github.com/penstock-go/penstock/pool"
)

// States of a connection, the values of attrPoolState.
const (
	stateIdle = "idle"
	stateUsed = "used"
)

// RecordUse records that a lease of the pool called name lasted d. It is safe for
// concurrent use. A pool calls it only if pool.Config.OnUse makes it do so, because
// it costs one measurement for each lease.
func (o *Observer) RecordUse(name string, d time.Duration) {
	ctx := context.Background()
	if o.inst.useTime.Enabled(ctx) {
		o.inst.useTime.Record(ctx, d.Seconds(), o.inst.connLabels.of(name, ""))
	}
}

// lastOfPool returns the figures of a pool that is closed. They say how often the pool
// did what, and that it has no room any more.
func lastOfPool(s pool.Stats) pool.Stats {
	s.Max, s.Min, s.Places = 0, 0, 0
	return s
}

// collected reports whether a reader may collect the metrics now. The global provider
// has no reader until the application sets an SDK.
func (o *Observer) collected() bool {
	return o.settings.meters != nil && o.inst.duration.Enabled(context.Background())
}

// RegisterPool makes the metrics of the pool called name read stats each time
// they are collected, until [Observer.Close]. stats must be safe for concurrent
// use, and must not collect metrics; a panic in it is an error of the collection. An
// empty name, a nil stats, a name that is registered already with the same
// meter provider, by this Observer or by another, and a closed Observer are errors. A
// name may be registered again with a provider that nothing reads.
func (o *Observer) RegisterPool(name string, stats func() pool.Stats) error {
	switch {
	case name == "":
		return errors.New("otelx: a pool needs a name")
	case stats == nil:
		return fmt.Errorf("otelx: pool %q has no stats", name)
	}
	name = text.Clean(name)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return fmt.Errorf("otelx: pool %q registered after Close", name)
	}
	p := &registeredPool{key: o.registryKey("pool", name), last: lastOfPool, stats: contained("stats of pool "+name, stats)}
	if !registry.add(p.key, p) && o.collected() {
		return fmt.Errorf("otelx: pool %q is registered already with this meter provider: give each client's pool a name of its own (pool.Config.Name), or close the other client first", name)
	}

	var (
		i           = &o.inst.pool
		labels      = []attribute.KeyValue{attrPoolName.String(name)}
		self        = newLabels(labels).of()
		states      = newLabels(labels, attrPoolState)
		reasons     = newLabels(labels, attrCloseReason)
		errorTypes  = newLabels(labels, attrErrorType)
		disconnects = newLabels(labels, attrDisconnectReason) // of what gRPC and the like do below the pool
		idle        = states.of(stateIdle)
		used        = states.of(stateUsed)
	)
	registration, err := o.meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		now, _, ok, err := p.read()
		if !ok {
			return err
		}
		to.ObserveInt64(i.count, int64(now.Idle), idle)
		to.ObserveInt64(i.count, int64(now.InUse), used)
		// A pool has no separate limit for idle connections.
		to.ObserveInt64(i.idleMax, int64(now.Max), self)
		to.ObserveInt64(i.idleMin, int64(now.Min), self)
		to.ObserveInt64(i.max, int64(now.Max), self)
		to.ObserveInt64(i.pending, int64(now.Waiters), self)
		to.ObserveInt64(i.timeouts, int64(now.Timeouts), self)
		for reason, n := range now.Closed {
			to.ObserveInt64(i.closed, int64(n), reasons.of(string(reason)))
		}
		to.ObserveInt64(i.leases, int64(now.InFlight), self)
		to.ObserveInt64(i.leasesLeft, int64(max(now.Places-now.InFlight, 0)), self)
		to.ObserveInt64(i.leaks, int64(now.Leaks), self)
		to.ObserveInt64(i.canceled, int64(now.Canceled), self)
		to.ObserveInt64(i.stuck, int64(now.Stuck), self)
		to.ObserveInt64(i.leaving, int64(now.Leaving+now.Closing), self)
		for n, failed := range now.Failures[:min(len(now.Failures), maxLabels)] {
			number := append(slices.Clip(labels), attrConnNumber.Int(n+1))
			to.ObserveInt64(i.failures, int64(failed), metric.WithAttributeSet(attribute.NewSet(number...)))
		}
		passed := now.Validations
		for errorType, n := range now.Invalid {
			passed -= n
			to.ObserveInt64(i.validations, int64(n), errorTypes.of(errorType))
		}
		to.ObserveInt64(i.validations, int64(passed), self)
		if below := now.Transport; below != nil {
			to.ObserveInt64(i.connects, int64(below.Connects), self)
			for reason, n := range below.Failed {
				to.ObserveInt64(i.connects, int64(n), disconnects.of(reason))
			}
			for reason, n := range below.Disconnects {
				to.ObserveInt64(i.disconnects, int64(n), disconnects.of(reason))
			}
		}
		return nil
	}, i.all()...)
	if err != nil {
		registry.remove(p.key, p)
		return fmt.Errorf("otelx: cannot register pool %q: %w", name, err)
	}
	p.registration = registration
	o.registered = append(o.registered, p)
	return nil
}
