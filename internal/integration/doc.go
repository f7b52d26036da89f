// SPDX-License-Identifier: Apache-2.0

// Package integration has the tests that need several packages of Penstock
// together and no real server. Its folders have those that also need a real
// server (real) and those that draw docs/storm (storm).
package integration
