// SPDX-License-Identifier: Apache-2.0

package milvuserr

import (
	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
)

// OfPing returns the error of a ping, given the error of its RPC. An error answer proves that the
// server lives, and is none. A rate limit says nothing about the server. Any other error
// is a failure of the server, also if [Classify] finds it neutral for an operation.
func OfPing(err error) error {
	if err == nil {
		return nil
	}
	class := Classify(err)
	switch {
	case class.Verdict == core.Success:
		return nil
	case class.ErrorType == errtype.RateLimited:
		return err
	default:
		class.Verdict = core.Failure
		return &pingError{err: err, class: class}
	}
}

// pingError is a failed ping. It has a class of its own, which core prefers to
// the classifier's.
type pingError struct {
	err   error
	class core.Class
}

func (e *pingError) Error() string     { return e.err.Error() }
func (e *pingError) Unwrap() error     { return e.err }
func (e *pingError) Class() core.Class { return e.class }
