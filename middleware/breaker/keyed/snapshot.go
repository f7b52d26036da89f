// SPDX-License-Identifier: Apache-2.0

package keyed

import "github.com/penstock-go/penstock/middleware/breaker"

// Snapshot is the state of the breakers of a [Keyed] at one moment, for people
// and for JSON.
type Snapshot struct {
	Name       string           `json:"name"`
	MaxKeys    int              `json:"max_keys"`
	Forgotten  uint64           `json:"forgotten"`  // breakers evicted so far
	Overflowed uint64           `json:"overflowed"` // operations on the overflow breaker so far
	Counters   breaker.Counters `json:"counters"`   // of all breakers, including those evicted
	Overflow   breaker.Snapshot `json:"overflow"`
	Keys       []KeySnapshot    `json:"keys"` // from the key used last to the key unused for longest, as far as known
}

// KeySnapshot is the state of the breaker of one key.
type KeySnapshot struct {
	Key string `json:"key"`
	breaker.Snapshot
}

// Snapshot returns the present state of every breaker. It changes nothing. While
// operations run, the breakers may be seen at slightly different moments.
func (k *Keyed) Snapshot() Snapshot {
	k.mu.Lock()
	all := k.present()
	s := Snapshot{Name: k.name, MaxKeys: k.max, Forgotten: k.evicted, Overflowed: k.overflowed, Counters: k.past}
	k.mu.Unlock()
	s.Keys = make([]KeySnapshot, len(all))
	for i, e := range all {
		s.Keys[i] = KeySnapshot{e.key, e.breaker.Snapshot()}
		add(&s.Counters, s.Keys[i].Counters)
	}
	last := len(all) - 1
	s.Keys, s.Overflow = s.Keys[:last], s.Keys[last].Snapshot
	return s
}

// States returns the name that telemetry has for all these breakers, and how many of
// them are in each state. The overflow breaker is one of them.
func (k *Keyed) States() (name string, states map[breaker.State]int) {
	k.mu.Lock()
	all := k.present()
	k.mu.Unlock()
	states = map[breaker.State]int{}
	for _, e := range all {
		states[e.breaker.State()]++
	}
	return k.name, states
}

// add adds other to c, including what holds for one breaker at the moment.
func add(c *breaker.Counters, other breaker.Counters) {
	c.FailureCount += other.FailureCount
	c.SuccessCount += other.SuccessCount
	c.TotalRequests += other.TotalRequests
	c.TotalSuccesses += other.TotalSuccesses
	c.TotalFailures += other.TotalFailures
	c.TotalNeutral += other.TotalNeutral
	c.TotalFastFailures += other.TotalFastFailures
	c.StateChangeCount += other.StateChangeCount
	c.ListenerPanics += other.ListenerPanics
}
