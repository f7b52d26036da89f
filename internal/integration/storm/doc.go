// SPDX-License-Identifier: Apache-2.0

// Package storm has the tests of a backend that recovers from an outage under
// full load. They also draw what docs/storm shows.
package storm
