// SPDX-License-Identifier: Apache-2.0

// Package callbacks tests what happens when a function that a user hands to Penstock
// panics, exits its goroutine, blocks, or calls back.
package callbacks
