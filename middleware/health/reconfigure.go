// SPDX-License-Identifier: Apache-2.0

package health

import (
	"github.com/penstock-go/penstock/internal/fault"
)

// Reconfigure puts cfg in force. The gate stays as it is, and so do the probes that failed
// or succeeded in a row: a lower threshold holds from the next probe on. With a
// shorter Interval or RecoveryInterval, the next probe is made within that. A probe under
// way ends under the Timeout under which it began. The Observer stays; cfg.Observer is not looked at.
//
// The Name cannot change. An error names everything that is wrong with cfg, and then
// nothing changes. Reconfigure is safe for concurrent use.
func (m *Monitor) Reconfigure(cfg Config) error {
	cfg, err := cfg.Effective()
	if err != nil {
		return err
	}
	var faults fault.List
	fault.Fixed(&faults, "Name", m.name, cfg.Name)
	if err := faults.Err("health"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	cfg.Observer = m.cfg().Observer
	m.settings.Store(&cfg)
	m.look()
	return nil
}

// follow puts cfg in force for the probes in the background.
func (s *schedule) follow(cfg *Config) {
	s.under = cfg
	// Not later than before, or changes that follow each other soon would end the probes.
	s.regular = min(s.regular, later(s.now(), s.spread(cfg.Interval)))
	s.hurried = min(s.hurried, later(s.now(), s.spread(cfg.RecoveryInterval)))
	last := s.share.last
	if s.share = newShare(cfg); last > 0 {
		s.share.take(last) // the next probe keeps its distance
	}
}

// Suspend ends the probing in the background until [Monitor.Start] is called again. It
// cancels the probe under way and does not wait for the end of it. The gate stays as it
// is. Suspend is for a monitor whose stage is out of the chain for a time.
func (m *Monitor) Suspend() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attention.And(^uint32(asleep))
	if m.stop != nil {
		m.stop()
		m.stop = nil
	}
}
