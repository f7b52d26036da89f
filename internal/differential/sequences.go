// SPDX-License-Identifier: Apache-2.0

package differential

// Sequences returns n generated sequences, each as a group.
func Sequences(first uint64, n int) []Group { return nil }
