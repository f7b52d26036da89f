// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"maps"
	"slices"
	"time"

	"github.com/penstock-go/penstock/pool"
)

// Status describes one endpoint at one moment.
type Status struct {
	Address string // host:port
	State   State  // In or Ejected
	Reason  Reason // of the ejection; empty if the endpoint is in
	// InFlight counts the leases that are out. Latency is the average by which endpoints
	// are chosen.
	InFlight int
	Latency  time.Duration
	// Ejections counts the ejections by reason, with an entry for each reason. The map
	// belongs to the caller.
	Ejections map[Reason]uint64
	Pool      pool.Stats
}

// Endpoints describes the present endpoints, in the order of Config.Addresses and of the
// answers of DNS, which are sorted. panicking says that ejections have no effect.
func (b *Balancer[C]) Endpoints() (all []Status, panicking bool) {
	endpoints := b.endpoints()
	now := b.now()
	for _, e := range endpoints {
		s := Status{Address: e.address.HostPort, State: In, Ejections: make(map[Reason]uint64, len(ejections)), Pool: e.stats()}
		e.mu.Lock()
		e.decay(now, 0)
		s.InFlight, s.Latency = e.flying, time.Duration(e.latency)
		e.mu.Unlock()
		b.mu.Lock()
		if e.out.Load() {
			s.State, s.Reason = Ejected, e.reason
		}
		for i, n := range e.counts {
			s.Ejections[ejections[i]] = n
		}
		b.mu.Unlock()
		all = append(all, s)
	}
	return all, b.panicking(endpoints)
}

// Stats adds up the pools of all endpoints, with the counts of those that are gone. The
// numbers of connections are those within each pool.
func (b *Balancer[C]) Stats() pool.Stats {
	b.mu.Lock()
	sum := merge(pool.Stats{}, b.retired)
	all := append(slices.Collect(maps.Keys(b.draining)), b.endpoints()...)
	b.mu.Unlock()
	for _, e := range all {
		sum = merge(sum, e.stats())
	}
	return sum
}

// stats returns the counts of the pool. A wait that the balancer ended was not canceled by
// its caller.
func (e *endpoint[C]) stats() pool.Stats {
	s := e.pool.Stats()
	s.Canceled -= min(s.Canceled, e.moved.Load())
	return s
}

// merge returns the sum of both. It changes the maps of a.
func merge(a, b pool.Stats) pool.Stats {
	for _, n := range []struct {
		to   *int
		more int
	}{
		{&a.Max, b.Max}, {&a.Min, b.Min}, {&a.Idle, b.Idle}, {&a.InUse, b.InUse}, {&a.Dialing, b.Dialing},
		{&a.Replacing, b.Replacing}, {&a.Leaving, b.Leaving}, {&a.Closing, b.Closing}, {&a.Stuck, b.Stuck},
		{&a.InFlight, b.InFlight}, {&a.Places, b.Places}, {&a.Waiters, b.Waiters},
	} {
		*n.to += n.more
	}
	for _, n := range []struct {
		to   *uint64
		more uint64
	}{
		{&a.Timeouts, b.Timeouts}, {&a.Canceled, b.Canceled}, {&a.Dials, b.Dials}, {&a.DialErrors, b.DialErrors},
		{&a.DoubleReturns, b.DoubleReturns}, {&a.Panics, b.Panics}, {&a.Validations, b.Validations}, {&a.Leaks, b.Leaks},
		{&a.Resets, b.Resets},
	} {
		*n.to += n.more
	}
	if b.LastReset != "" {
		a.LastReset = b.LastReset
	}
	failures := make([]uint64, max(len(a.Failures), len(b.Failures)))
	for i := range failures {
		if i < len(a.Failures) {
			failures[i] += a.Failures[i]
		}
		if i < len(b.Failures) {
			failures[i] += b.Failures[i]
		}
	}
	a.Failures = failures
	a.Invalid, a.Closed = sum(a.Invalid, b.Invalid), sum(a.Closed, b.Closed)
	switch {
	case b.Transport == nil:
	case a.Transport == nil:
		t := pool.TransportStats{Connects: b.Transport.Connects, Failed: maps.Clone(b.Transport.Failed), Disconnects: maps.Clone(b.Transport.Disconnects)}
		a.Transport = &t
	default:
		a.Transport = &pool.TransportStats{
			Connects: a.Transport.Connects + b.Transport.Connects,
			Failed:   sum(a.Transport.Failed, b.Transport.Failed), Disconnects: sum(a.Transport.Disconnects, b.Transport.Disconnects),
		}
	}
	return a
}

// sum returns a map with the sums of both.
func sum[K comparable](a, b map[K]uint64) map[K]uint64 {
	all := make(map[K]uint64, max(len(a), len(b)))
	for k, n := range a {
		all[k] += n
	}
	for k, n := range b {
		all[k] += n
	}
	return all
}
