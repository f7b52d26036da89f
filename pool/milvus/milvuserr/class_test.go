// SPDX-License-Identifier: Apache-2.0

package milvuserr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/internal/errtype"
	"github.com/penstock-go/penstock/pool"
	"github.com/penstock-go/penstock/pool/milvus/milvuserr"
)

var (
	answered = core.Class{Verdict: core.Success, Retry: core.RetryNever, Conn: core.Keep}
	notReady = core.Class{Verdict: core.Neutral, Retry: core.RetryIfReadOnly, Conn: core.Keep}
	down     = core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Keep}
	suspect  = core.Class{Verdict: core.Failure, Retry: core.RetryIfIdempotent, Conn: core.Suspect}
	limited  = core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep, ErrorType: errtype.RateLimited}
	useless  = core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep}
)

func with(c core.Class, change func(*core.Class)) core.Class {
	change(&c)
	return c
}

func TestClassOfMilvusCodes(t *testing.T) {
	for _, code := range []int32{1, 101, 103, 201, 202, 601} {
		wantClass(t, &milvuserr.Error{Method: "Insert", Code: code}, with(notReady, func(c *core.Class) { c.ErrorType = fmt.Sprint(code) }))
		wantClass(t, &milvuserr.Error{Method: "Search", Code: code}, notReady)
	}
	for _, code := range []int32{100, 102, 200, 700, 702, 800, 802, 1100, 1400, 1401, 1600, 1700, 1701} {
		wantClass(t, &milvuserr.Error{Method: "Insert", Code: code}, answered)
	}
	for code, want := range map[int32]core.Class{
		2:     {Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Keep, ErrorType: "2"},
		4:     limited,
		8:     limited,
		9:     with(useless, func(c *core.Class) { c.ErrorType = errtype.RateLimited }),
		5:     down,
		503:   down,
		902:   down,
		1400:  with(answered, func(c *core.Class) { c.ErrorType = core.TypeUnauthenticated }),
		2000:  down,
		65535: with(down, func(c *core.Class) { c.ErrorType = "65535" }),
		1000:  down,
		1001:  down,
		4711:  down,
	} {
		wantClass(t, &milvuserr.Error{Method: "Insert", Code: code}, want)
	}
	wantClass(t, &milvuserr.Error{Method: "Insert", Code: 4711, Retriable: true}, down)
	wantClass(t, &milvuserr.Error{Method: "Search", Code: 1001, Reason: "IO failed: connection reset by peer"},
		with(down, func(c *core.Class) { c.Retry = core.RetryAlways }))
	wantClass(t, &milvuserr.Error{Method: "Insert", Code: 1001, Reason: "IO failed: unexpected end of JSON input"}, answered)
}

func TestClassOfStatusCodes(t *testing.T) {
	for code, want := range map[codes.Code]core.Class{
		codes.Unavailable:        with(suspect, func(c *core.Class) { c.ErrorType = "UNAVAILABLE" }),
		codes.Internal:           down,
		codes.Unknown:            down,
		codes.Aborted:            down,
		codes.DataLoss:           down,
		codes.DeadlineExceeded:   with(down, func(c *core.Class) { c.ErrorType = "DEADLINE_EXCEEDED" }),
		codes.Canceled:           with(down, func(c *core.Class) { c.ErrorType = "CANCELLED" }),
		codes.ResourceExhausted:  limited,
		codes.Unauthenticated:    with(useless, func(c *core.Class) { c.ErrorType = core.TypeUnauthenticated }),
		codes.InvalidArgument:    answered,
		codes.NotFound:           answered,
		codes.AlreadyExists:      answered,
		codes.PermissionDenied:   answered,
		codes.FailedPrecondition: answered,
		codes.OutOfRange:         answered,
		codes.Unimplemented:      answered,
	} {
		wantClass(t, &milvuserr.Error{Method: "Insert", GRPC: code}, want)
		wantClass(t, status.Error(code, "raw"), want)
	}
	wantClass(t, &milvuserr.Error{Method: "Insert", GRPC: codes.Unavailable, NotSent: true},
		with(suspect, func(c *core.Class) { c.Retry = core.RetryAlways }))
	wantClass(t, &milvuserr.Error{Method: "Query", GRPC: codes.Unavailable},
		with(suspect, func(c *core.Class) { c.Retry = core.RetryAlways }))
	wantClass(t, &milvuserr.Error{Method: "Insert", GRPC: codes.Canceled, Reason: "grpc: the client connection is closing"},
		with(suspect, func(c *core.Class) { c.Conn = core.Broken }))
	wantClass(t, &milvuserr.Error{Method: "Insert", GRPC: codes.ResourceExhausted, Reason: "grpc: received message larger than max (5 vs. 4)"},
		core.Class{Verdict: core.Neutral, Retry: core.RetryNever, Conn: core.Keep, ErrorType: "RESOURCE_EXHAUSTED"})
}

func TestClassOfDialing(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want core.Class
	}{
		"bad credentials":     {&milvuserr.Error{Method: "Connect", GRPC: codes.Unauthenticated}, useless},
		"unknown database":    {&milvuserr.Error{Method: "Connect", Code: 800}, useless},
		"still starting":      {&milvuserr.Error{Method: "Connect", Code: 1}, core.Class{Verdict: core.Neutral, Retry: core.RetryAlways, Conn: core.Keep}},
		"not available":       {&milvuserr.Error{Method: "Connect", Code: 2}, core.Class{Verdict: core.Failure, Retry: core.RetryAlways, Conn: core.Keep}},
		"nobody there":        {&milvuserr.Error{Method: "Dial", GRPC: codes.Unavailable}, with(suspect, func(c *core.Class) { c.Retry = core.RetryAlways })},
		"a cause of no type":  {io.ErrUnexpectedEOF, core.NotApplied("")},
		"out of time, untold": {context.DeadlineExceeded, core.NotApplied("")},
	} {
		t.Run(name, func(t *testing.T) {
			wantClass(t, &pool.DialError{Err: c.err}, c.want)
			wantClass(t, fmt.Errorf("again: %w", &pool.DialError{Err: c.err}), c.want)
		})
	}
}

func TestOtherErrorsSayNothingAboutTheServer(t *testing.T) {
	for _, err := range []error{errors.New("mine"), io.EOF} {
		wantClass(t, err, useless)
	}
}

func TestTheFirstOfSeveralErrorsCounts(t *testing.T) {
	wantClass(t, fmt.Errorf("mine: %w", &milvuserr.Error{Method: "Search", Code: 100}), answered)
}

func TestALimitSaysHowLongToWait(t *testing.T) {
	for reason, want := range map[string]time.Duration{
		"request is rejected by grpc RateLimiter middleware, please retry later: rate limit exceeded[rate=0.1]": 10 * time.Second,
		"rate limit exceeded[rate=1.048576e+06]": 0,
		"rate limit exceeded[rate=0]":            0,
		"rate limit exceeded[rate=1e-300]":       0,
		"quota, retry after 3s":                  3 * time.Second,
		"Retry in 250 ms, please":                250 * time.Millisecond,
		"please retry later":                     0,
		"":                                       0,
	} {
		err := &milvuserr.Error{Method: "Flush", Code: 8, Reason: reason}
		if got := milvuserr.Classify(err).RetryAfter; got != want {
			t.Errorf("RetryAfter for %q = %v, want %v", reason, got, want)
		}
	}
}

func wantClass(t *testing.T, err error, want core.Class) {
	t.Helper()
	got := milvuserr.Classify(err)
	if want.ErrorType == "" {
		want.ErrorType = got.ErrorType
	}
	if got != want {
		t.Errorf("Classify(%v) = %+v, want %+v", err, got, want)
	}
}
