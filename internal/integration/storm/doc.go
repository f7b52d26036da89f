// SPDX-License-Identifier: Apache-2.0

// Package storm tests how a backend recovers from an outage under full load. Its
// tests also write docs/storm.
package storm
