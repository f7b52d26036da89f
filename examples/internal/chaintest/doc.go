// SPDX-License-Identifier: Apache-2.0

// Package chaintest has the tests that need the default chain and a pool
// together, and no server: whose fault it is that there is no connection.
package chaintest
