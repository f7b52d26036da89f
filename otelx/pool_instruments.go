// SPDX-License-Identifier: Apache-2.0

package otelx

import (
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
)

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

// newPoolInstruments makes the instruments of a pool.
func (k *maker) newPoolInstruments() poolInstruments {
	count, err := dbconv.NewClientConnectionCountObservable(k.meter)
	k.fault(err)
	idleMax, err := dbconv.NewClientConnectionIdleMaxObservable(k.meter)
	k.fault(err)
	idleMin, err := dbconv.NewClientConnectionIdleMinObservable(k.meter)
	k.fault(err)
	limit, err := dbconv.NewClientConnectionMaxObservable(k.meter)
	k.fault(err)
	pending, err := dbconv.NewClientConnectionPendingRequestsObservable(k.meter)
	k.fault(err)
	timeouts, err := dbconv.NewClientConnectionTimeoutsObservable(k.meter)
	k.fault(err)
	return poolInstruments{
		count: count.Inst(), idleMax: idleMax.Inst(), idleMin: idleMin.Inst(), max: limit.Inst(), pending: pending.Inst(),
		timeouts: timeouts.Inst(),
		closed:   k.observedCounter(metricConnClosed, "{connection}", "The number of connections closed, by reason."),

		leases:     k.observedLevel(metricLeases, "{lease}", "The number of leases that are out."),
		leasesLeft: k.observedLevel(metricLeasesLeft, "{lease}", "The number of leases that the pool has room for beside those that are out."),
		stuck:      k.observedLevel(metricStuck, "{call}", "The number of calls of the factory that have not returned although their context has ended."),
		leaving:    k.observedLevel(metricConnLeaving, "{connection}", "The number of connections that are removed from the pool and not closed yet."),

		leaks:       k.observedCounter(metricLeaks, "{lease}", "The number of leases that were not returned in time."),
		canceled:    k.observedCounter(metricWaitsCanceled, "{wait}", "The number of waits for a connection that the caller canceled."),
		validations: k.observedCounter(metricValidations, "{validation}", "The number of checks of connections without a caller."),
		failures:    k.observedCounter(metricConnFailures, "{failure}", "The number of leases that came back broken, suspect, or after a failure of the backend, by the number of the connection."),

		connects:    k.observedCounter(metricConnects, "{connection}", "The number of connections of the transport below the pool, and of attempts in vain, by reason."),
		disconnects: k.observedCounter(metricDisconnects, "{connection}", "The number of connections of the transport below the pool that ended, by reason."),
	}
}
