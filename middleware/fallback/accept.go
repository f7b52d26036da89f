// SPDX-License-Identifier: Apache-2.0

package fallback

import (
	"reflect"
	"slices"

	"github.com/penstock-go/penstock/core"
)

// Accept reports whether err says that the backend could not be had: it was
// unavailable or could not be reached, the operation was refused before it got
// there, or it took too long. What the backend answered about the statement, a
// cancel, bad credentials and a panic are not accepted, and neither is an error
// that says nothing of the kind.
//
// Of an error that joins those of several attempts, as retry's does, the one
// that the operation counts by decides.
func Accept(err error) bool {
	switch core.ErrorType(err) {
	case core.TypeTimeout, core.TypeDeadline, core.TypeCircuitOpen, core.TypeUnhealthy, core.TypePoolTimeout, core.TypePoolClosed,
		core.TypeTooManyWaiters, core.TypeConnect, core.TypeRateLimited, core.TypeBulkheadFull:
		return true
	case core.TypeCanceled, core.TypeUnauthenticated, core.TypePanic:
		return false
	}
	return is(err, core.ErrConnection) || is(err, core.ErrRejected) || is(err, core.ErrTimeout)
}

// sentinel is the type of the errors that core.Sentinel returns. What they wrap
// are the families that they belong to, all of which count.
var sentinel = reflect.TypeOf(core.ErrRejected)

// is is errors.Is, but of an error that joins several and says of which type it
// is, only the first counts: the others are those of other attempts.
func is(err, target error) bool {
	if reflect.TypeOf(err).Comparable() && err == target {
		return true
	}
	if m, ok := err.(interface{ Is(error) bool }); ok && m.Is(target) {
		return true
	}
	var inner []error
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		inner = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		inner = e.Unwrap()
		named, ok := err.(interface{ ErrorType() string })
		if ok && named.ErrorType() != "" && reflect.TypeOf(err) != sentinel && len(inner) > 0 {
			inner = inner[:1]
		}
	}
	return slices.ContainsFunc(inner, func(e error) bool { return e != nil && is(e, target) })
}
