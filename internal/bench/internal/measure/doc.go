// SPDX-License-Identifier: Apache-2.0

// Package measure runs loads beside each other and counts what they cost. The
// benchmarks share it.
package measure
