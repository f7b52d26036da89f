// SPDX-License-Identifier: Apache-2.0

// Package seed shows how to use each feature of the Python module that Penstock
// grew from. Its examples run as tests; docs/from-the-seed.md lists them.
//
//	go test -v ./examples/from-the-seed
package seed
