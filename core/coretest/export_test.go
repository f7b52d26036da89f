// SPDX-License-Identifier: Apache-2.0

package coretest

import "github.com/penstock-go/penstock/core"

// FailedChecks returns the names of the checks of TestObserver that o fails.
func FailedChecks(newObserver func() core.Observer) (names []string) {
	for _, check := range observerChecks {
		if runCheck(check.run, newObserver()) != nil {
			names = append(names, check.name)
		}
	}
	return names
}
