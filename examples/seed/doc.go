// SPDX-License-Identifier: Apache-2.0

// Package seed shows, in examples that run as tests, how each feature of the
// Python module that Penstock grew from is used here. docs/from-the-seed.md is
// the table of them.
package seed
