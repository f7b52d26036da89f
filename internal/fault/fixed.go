// SPDX-License-Identifier: Apache-2.0

package fault

// Fixed refuses a change of a setting that cannot change in a running program.
func Fixed[T comparable](f *List, name string, inForce, wanted T) {
	if wanted != inForce {
		f.Add("%s is %v, and cannot become %v while the program runs: restart the program with the new one, or leave it as it is", name, inForce, wanted)
	}
}
