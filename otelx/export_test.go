// SPDX-License-Identifier: Apache-2.0

package otelx

// RegisteredPools returns how many pools called name the registry of this process knows.
// Pools of other tests may be leaving it meanwhile.
func RegisteredPools(name string) (n int) {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	for key := range registry.entries {
		if key.name == name {
			n++
		}
	}
	return n
}
