// SPDX-License-Identifier: Apache-2.0

package pool

// Lock takes the lock of p, so that a test sees who needs it.
func Lock[C any](p *Pool[C]) (unlock func()) {
	p.mu.Lock()
	return p.mu.Unlock
}
