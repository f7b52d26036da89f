// SPDX-License-Identifier: Apache-2.0

// Package integration tests several packages of Penstock together, without a real
// server. Folder real has the tests with real servers, folder storm the tests
// that write docs/storm.
package integration
