// SPDX-License-Identifier: Apache-2.0

package milvuserr

import "errors"

// Final marks err as the end of a dial that would not come to a better end: another
// dial would fail too. An adapter ends the context of the dial with it as the cause.
func Final(err error) error { return &finalError{err} }

type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

// NoCredentials marks err as the reason for which there were no credentials for a dial.
func NoCredentials(err error) error { return &credentialsError{err} }

type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "no credentials: " + e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

func isCredentials(err error) bool {
	_, ok := errors.AsType[*credentialsError](err)
	return ok
}

// Wrap makes err the cause of e. An adapter whose SDK has errors of its own for the codes
// of the server gives e the SDK's error.
func Wrap(e *Error, err error) { e.err = err }
