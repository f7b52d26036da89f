// SPDX-License-Identifier: Apache-2.0

package health

import (
	"time"

	"github.com/penstock-go/penstock/internal/brief"
)

// Snapshot is the state of a monitor at one moment, for people and for JSON.
type Snapshot struct {
	Name string `json:"name"`
	// State is Up or Down. It is what the gate does, and not the last probe.
	State string `json:"state"`
	// LastError is the error of the last probe that counted, ProbedAt the end of the last
	// probe. Both are empty before the first probe; LastError also after a good one. The
	// texts of errors are cut.
	LastError string    `json:"last_error,omitempty"`
	ProbedAt  time.Time `json:"probed_at,omitzero"`
	// DownSince and DownBecause say when and why the gate shut. They are empty while it
	// is open.
	DownSince   time.Time `json:"down_since,omitzero"`
	DownBecause string    `json:"down_because,omitempty"`
}

// Snapshot returns the present state. It makes no probe and changes nothing.
func (m *Monitor) Snapshot() Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Snapshot{Name: m.name, State: Up, ProbedAt: m.endedAt}
	if m.last != nil {
		s.LastError = brief.Text(m.last)
	}
	if m.isDown() {
		s.State, s.DownSince = Down, m.shutAt
		if m.cause != nil {
			s.DownBecause = brief.Text(m.cause)
		}
	}
	return s
}
