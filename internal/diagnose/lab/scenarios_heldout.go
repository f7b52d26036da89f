// SPDX-License-Identifier: Apache-2.0

package lab

// heldOut are the faults that no rule was written for, one in each part. A diagnosis has
// to say that something unknown is wrong, and in which part, and must not take it for a
// fault that it knows. Whoever writes rules must not read the files of the held-out
// faults: a rule that was written for one of them proves nothing.
var heldOut = []Row{
	{"wrong_dimension", "caller", wrongDimension},
	{"attempt_limit_too_short", "stage", attemptLimitTooShort},
	{"closed_pool", "pool", closedPool},
	{"resetting_firewall", "transport", resettingFirewall},
	{"reloading_collection", "backend", reloadingCollection},
}

// HeldOut returns the names of the faults that no rule was written for.
func HeldOut() []string { return kinds(heldOut) }
