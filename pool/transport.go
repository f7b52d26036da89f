// SPDX-License-Identifier: Apache-2.0

package pool

import "github.com/penstock-go/penstock/internal/contain"

// TransportCounter is an optional method of a [Factory] whose connections connect again
// by themselves, below the pool, as gRPC's do. The pool sees nothing of that.
type TransportCounter interface {
	// TransportStats returns what the transport counted so far, of all connections. It
	// is called for each [Pool.Stats], by several goroutines at once, and must not block
	// or call the pool.
	TransportStats() TransportStats
}

// TransportStats counts what happened below the pool. The reasons are words such as
// "refused", "reset" or "eof": a few, each with an entry from the start.
type TransportStats struct {
	// Connects counts the connections made, Failed the attempts in vain, by reason.
	Connects uint64
	Failed   map[string]uint64
	// Disconnects counts the connections that ended, by reason.
	Disconnects map[string]uint64
}

// transport returns the figures of the factory, nil if it has none.
func (p *Pool[C]) transport() *TransportStats {
	counter, ok := p.factory.(TransportCounter)
	if !ok {
		return nil
	}
	var s TransportStats
	if !contain.Apart("TransportStats", p.panicked, func() { s = counter.TransportStats() }) {
		return nil
	}
	return &s
}
