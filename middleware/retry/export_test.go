// SPDX-License-Identifier: Apache-2.0

package retry

import "time"

// Backoff is the wait before the attempt that follows the n-th, for a random
// number in [0, 1).
func (cfg Config) Backoff(n int, random float64) time.Duration {
	cfg, err := cfg.Effective()
	if err != nil {
		panic(err)
	}
	return cfg.backoff(n, random)
}
