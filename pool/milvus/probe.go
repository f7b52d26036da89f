// SPDX-License-Identifier: Apache-2.0

package milvus

import (
	"context"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
)

// Ping asks the server for its version, which the server knows by itself. An
// error answer such as Unimplemented also proves that the server lives, and is no
// error of Ping.
//
// Of the errors of Ping, a rate limit says nothing about the server. Any other
// one is a failure of the server, also if [Classify] finds it neutral for an
// operation: a server that is starting answers, but does no work yet.
func (f *Factory) Ping(ctx context.Context, c *Conn) error {
	_, err := c.GetVersion(ctx)
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
