// SPDX-License-Identifier: Apache-2.0

package health

import "time"

// Apart is the time that MaxRate leaves between two probes of a replica.
func Apart(cfg Config) time.Duration { return cfg.apart() }

// Expected is how many probes in a second are expected of all replicas.
func Expected(most int) float64 { return expected(most) }

// Randomly makes the monitor draw its random numbers from random.
func (m *Monitor) Randomly(random func() float64) { m.random = random }
