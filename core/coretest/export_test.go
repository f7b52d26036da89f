// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"testing"

	"github.com/penstock-go/penstock/core"
)

// FailedChecks returns the names of the checks of TestObserver that o fails.
func FailedChecks(newObserver func() core.Observer) (names []string) {
	for _, check := range observerChecks {
		if runCheck(check.run, newObserver()) != nil {
			names = append(names, check.name)
		}
	}
	return names
}

// FailedMiddlewareChecks returns the names of the checks of TestMiddleware that
// m fails.
func FailedMiddlewareChecks(t *testing.T, newMiddleware func() core.Middleware) (names []string) {
	for _, check := range middlewareChecks {
		if runMiddlewareCheck(t, check.run, newMiddleware) != nil {
			names = append(names, check.name)
		}
	}
	return names
}
