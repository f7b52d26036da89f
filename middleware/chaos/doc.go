// SPDX-License-Identifier: Apache-2.0

// Package chaos makes attempts slow, fail, hang or panic. Tests of a program show
// with it what the program does when its backend misbehaves.
//
// The stage belongs innermost. An injected error, hang or panic takes the place of
// the attempt: the function of the operation is not called, and no connection is
// asked for. For the stages further out it looks like a real fault. A fault that
// is latency alone spends its time on the connection, before the function is
// called.
//
// The seed and the number of an attempt decide whether a fault strikes it, and
// neither the clock nor chance does: the n-th attempt that a fault may strike is
// either struck in every run or in none. A chaos that is off costs one atomic load.
package chaos
