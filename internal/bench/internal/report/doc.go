// SPDX-License-Identifier: Apache-2.0

// Package report writes what a benchmark found: as lines, as JSON, and between
// markers of a Markdown page.
package report
