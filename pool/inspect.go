// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"cmp"
	"slices"
)

// ConnState describes one connection at one moment, for people.
type ConnState struct {
	// Number is the number of the connection in Stats.Failures and in telemetry.
	Number int
	// Endpoint is the address of the connection, in a pool of package endpoint.
	Endpoint string
	// Callers counts the leases of the connection that are out, and a ping under way.
	// Most is how many there may be.
	Callers, Most int
	// Suspect says that other connections are preferred, because a call on this one
	// failed.
	Suspect bool
	// Leaving says that the connection was removed, and is closed after its last caller.
	Leaving bool
}

// Conns describes the connections now, in the order of their numbers. It holds the lock
// of the pool for a moment, so it is for people and not for each operation.
func (p *Pool[C]) Conns() []ConnState {
	p.mu.Lock()
	all := make([]ConnState, 0, len(p.conns)+len(p.leaving))
	for _, e := range p.conns {
		all = append(all, e.describe(false))
	}
	for e := range p.leaving {
		all = append(all, e.describe(true))
	}
	p.mu.Unlock()
	slices.SortFunc(all, func(a, b ConnState) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

func (e *entry[C]) describe(leaving bool) ConnState {
	return ConnState{
		Number: e.number, Callers: e.callers(), Most: len(e.seats),
		Suspect: e.flags.Load()&flagSuspect != 0, Leaving: leaving,
	}
}

// Holders returns the callers that have had a connection for longest, the oldest first,
// at most three. It is empty if the pool does not keep them, see Config.Observer and
// Config.LeakAfter. A description is used again for 100 ms.
func (p *Pool[C]) Holders() Holders { return p.holders() }

// Effective returns the configuration in force. MaxSize is what the last Resize set.
func (p *Pool[C]) Effective() Config {
	cfg := *p.cfg()
	cfg.MaxSize = int(p.max.Load())
	return cfg
}
