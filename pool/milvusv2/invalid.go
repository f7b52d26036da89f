// SPDX-License-Identifier: Apache-2.0

package milvusv2

import (
	"context"
	"errors"

	"github.com/penstock-go/penstock/internal/milvusbase"
)

// typeInvalidRequest is the error type of a mistake that the SDK finds before it sends
// a request.
const typeInvalidRequest = "invalid_request"

// invalidError is an error of the SDK's own check of a request. It reads like the SDK's, but
// for rows: their error has no rows in it, and says what to do.
type invalidError struct{ err error }

func (e *invalidError) Error() string     { return e.err.Error() }
func (e *invalidError) Unwrap() error     { return e.err }
func (e *invalidError) ErrorType() string { return typeInvalidRequest }

// unsent returns err, as an invalidError if the SDK refused to make the request: the
// error is not of the server, the transport or a context, and no request but
// DescribeCollection was answered.
func (u *use) unsent(err error) error {
	if err == nil || u.answered || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[*invalidError](err); ok {
		return err
	}
	if u.write {
		err = milvusbase.RowsProblem(err)
	}
	return &invalidError{err}
}
