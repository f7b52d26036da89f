// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/penstock-go/penstock/pool"
)

// States of a connection, the values of [AttrPoolState].
const (
	stateIdle = "idle"
	stateUsed = "used"
)

// RecordUse measures how long a connection of the pool of that name was lent.
// It costs a measurement for each loan, so it is not made by itself: have a pool
// call it by pool.Config.OnUse.
func (o *Observer) RecordUse(name string, d time.Duration) {
	ctx := context.Background()
	if o.inst.useTime.Enabled(ctx) {
		o.inst.useTime.Record(ctx, d.Seconds(), o.inst.connLabels.of(name, ""))
	}
}

// RegisterPool makes the metrics of the pool called name read stats whenever
// they are collected, until [Observer.Close]. stats must be safe for concurrent
// use. Each name can be registered once.
func (o *Observer) RegisterPool(name string, stats func() pool.Stats) error {
	switch {
	case name == "":
		return errors.New("otelx: a pool needs a name")
	case stats == nil:
		return fmt.Errorf("otelx: pool %q has no stats", name)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return fmt.Errorf("otelx: pool %q registered after Close", name)
	}
	if _, ok := o.pools[name]; ok {
		return fmt.Errorf("otelx: pool %q is registered already", name)
	}

	var (
		i       = &o.inst.pool
		pool    = []attribute.KeyValue{AttrPoolName.String(name)}
		self    = newLabels(pool).of()
		states  = newLabels(pool, AttrPoolState)
		reasons = newLabels(pool, AttrCloseReason)
		idle    = states.of(stateIdle)
		used    = states.of(stateUsed)
	)
	registration, err := o.meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		now := stats()
		to.ObserveInt64(i.count, int64(now.Idle), idle)
		to.ObserveInt64(i.count, int64(now.InUse), used)
		// A pool has no limit of its own for idle connections.
		to.ObserveInt64(i.idleMax, int64(now.Max), self)
		to.ObserveInt64(i.idleMin, int64(now.Min), self)
		to.ObserveInt64(i.max, int64(now.Max), self)
		to.ObserveInt64(i.pending, int64(now.Waiters), self)
		to.ObserveInt64(i.timeouts, int64(now.Timeouts), self)
		for reason, n := range now.Closed {
			to.ObserveInt64(i.closed, int64(n), reasons.of(string(reason)))
		}
		return nil
	}, i.all()...)
	if err != nil {
		return fmt.Errorf("otelx: cannot register pool %q: %w", name, err)
	}
	o.pools[name] = registration
	return nil
}
