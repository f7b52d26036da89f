// SPDX-License-Identifier: Apache-2.0

package milvus_test

import "github.com/penstock-go/penstock/core"

var (
	answered = core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep}
	suspect  = core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Suspect}
	useless  = core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep}
)

func with(c core.Class, change func(*core.Class)) core.Class {
	change(&c)
	return c
}
