// SPDX-License-Identifier: Apache-2.0

package chaos

import "reflect"

// Reconfigure puts cfg in force. If its Faults or its Seed differ from the present ones,
// they begin anew, as after [Chaos.Set]; Faults that are equal go on as they are, also if
// they were switched on or off by hand. StartOff is for faults that begin.
//
// An error names everything that is wrong with cfg, and then nothing changes. Reconfigure
// is safe for concurrent use.
func (c *Chaos) Reconfigure(cfg Config) error {
	cfg, err := cfg.Effective()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seed == cfg.Seed && len(c.next.faults) == len(cfg.Faults) && (len(cfg.Faults) == 0 || reflect.DeepEqual(c.next.faults, cfg.Faults)) {
		return nil
	}
	c.seed = cfg.Seed
	c.next = newShow(c.seed, cfg.Faults)
	c.running.Store(nil)
	if !cfg.StartOff {
		c.start()
	}
	return nil
}
