// SPDX-License-Identifier: Apache-2.0

package bulkhead

import "github.com/penstock-go/penstock/internal/fault"

// Reconfigure puts cfg in force. With a greater MaxConcurrent, the first waiters get the
// new slots at once. With a smaller one, the operations that run go on, and no other gets
// a slot before enough of them have ended. Operations that wait already keep their places
// and the MaxWait under which they came.
//
// The Name cannot change. An error names everything that is wrong with cfg, and then
// nothing changes. Reconfigure is safe for concurrent use.
func (b *Bulkhead) Reconfigure(cfg Config) error {
	cfg, err := cfg.Effective()
	if err != nil {
		return err
	}
	var faults fault.List
	fault.Fixed(&faults, "Name", b.name, cfg.Name)
	if err := faults.Err("bulkhead"); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cfg = cfg
	b.admit()
	return nil
}
