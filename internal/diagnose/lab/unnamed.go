// SPDX-License-Identifier: Apache-2.0

package lab

// unnamed are faults that no rule knows. A diagnosis has to say that something unknown
// is wrong, and in which part, and must not take it for a fault that it knows.
var unnamed = []Row{}

// Unnamed returns the names of the faults that no rule knows.
func Unnamed() []string { return kinds(unnamed) }
