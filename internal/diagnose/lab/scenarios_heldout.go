// SPDX-License-Identifier: Apache-2.0

package lab

// heldOut are the faults that no rule was written for, one in each part. A diagnosis has
// to say that something unknown is wrong, and in which part, and must not take it for a
// fault that it knows. Whoever writes rules must not read the files of the held-out
// faults: a rule that was written for one of them proves nothing.
var heldOut = []Row{
	{"undecodable_answer", "caller", undecodableAnswer},
	{"slow_token_stage", "stage", slowTokenStage},
	{"distrustful_check", "pool", distrustfulCheck},
	{"expired_certificate", "transport", expiredCertificate},
	{"queue_full", "backend", queueFull},
}

// HeldOut returns the names of the faults that no rule was written for.
func HeldOut() []string { return kinds(heldOut) }
