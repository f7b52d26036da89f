// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/penstock-go/penstock/core"
)

// classify says what an error of the API means. Each of them leaves the client as
// good as before: net/http replaces TCP connections that are broken by itself.
func classify(err error) core.Class {
	status, ok := errors.AsType[*StatusError](err)
	if !ok { // refused, reset, cut: the site may have done what it was asked for
		return core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Keep}
	}
	code := strconv.Itoa(status.Code)
	switch {
	case status.Code == http.StatusTooManyRequests:
		return core.Busy("rate_limited", status.RetryAfter)
	case status.Code == http.StatusUnauthorized: // not the site's fault, and not better next time
		return core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep, ErrorType: core.TypeUnauthenticated}
	case status.Code >= http.StatusInternalServerError: // 503 may say when to come back
		return core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Keep, RetryAfter: status.RetryAfter, ErrorType: code}
	default: // 404, 409, ...: an answer
		return core.Answered(code)
	}
}
