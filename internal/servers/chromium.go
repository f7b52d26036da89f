// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"path/filepath"
	"testing"
)

// Chromium returns the path of an installed Chromium, for a test that drives one. If
// Chromium is not installed, the test is skipped; with PENSTOCK_REQUIRE_REAL=1 it fails.
func Chromium(t testing.TB) string {
	t.Helper()
	install, err := chromiumInstall()
	if err != nil {
		skipOrFail(t, err)
	}
	return filepath.Join(install, "chromium")
}
