// SPDX-License-Identifier: Apache-2.0

package otelx

// RegisteredPools returns how many pools the registry of this process knows.
func RegisteredPools() int {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	return len(registry.pools)
}
