// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"runtime"
	"testing"
)

// OneProcessor runs the rest of the test on one processor. Many timers of no
// length at once, as of retries, crash the race detector in a bubble of
// [testing/synctest], see https://go.dev/issue/78156. Call it outside of the
// bubble, and not in a parallel test.
func OneProcessor(t testing.TB) {
	t.Helper()
	n := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(n) })
}
