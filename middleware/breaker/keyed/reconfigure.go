// SPDX-License-Identifier: Apache-2.0

package keyed

import (
	"github.com/penstock-go/penstock/internal/fault"
)

// Reconfigure puts cfg in force. Every breaker keeps its state, see
// [breaker.Breaker.Reconfigure]. If Max is below the number of keys, idle breakers are
// evicted; the keys of the others keep theirs until those are idle and a further key
// wants a place. With another Key, the breakers of the old keys stay until they are evicted.
//
// The name of Each cannot change. An error names everything that is wrong with cfg, and
// then nothing changes. Reconfigure is safe for concurrent use.
func (k *Keyed) Reconfigure(cfg Config) error {
	cfg, err := cfg.Effective()
	if err != nil {
		return err
	}
	var faults fault.List
	fault.Fixed(&faults, "Each.Name", k.name, cfg.Each.Name)
	if err := faults.Err("keyed"); err != nil {
		return err
	}
	k.key.Store(&cfg.Key)
	// First, so that a breaker that is made from here on has the new configuration.
	if err := k.overflow.breaker.Reconfigure(cfg.Each); err != nil {
		return err
	}
	k.mu.Lock()
	k.max = cfg.Max
	for len(k.entries) > k.max && k.evict() {
	}
	all := k.present()
	k.mu.Unlock()
	for _, e := range all {
		if err := e.breaker.Reconfigure(cfg.Each); err != nil {
			return err
		}
	}
	return nil
}
