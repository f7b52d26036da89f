// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/penstock-go/penstock/core"
)

func TestRetryableAs(t *testing.T) {
	tests := []struct {
		retryable, readOnly, sent    bool
		unsafe, idempotent, readOnce bool // wanted
	}{
		{retryable: false, readOnly: false, sent: false},
		{retryable: false, readOnly: false, sent: true},
		{retryable: false, readOnly: true, sent: false},
		{retryable: false, readOnly: true, sent: true},
		{retryable: true, readOnly: false, sent: false, unsafe: true, idempotent: true, readOnce: true},
		{retryable: true, readOnly: false, sent: true, unsafe: false, idempotent: true, readOnce: true},
		{retryable: true, readOnly: true, sent: false, readOnce: true},
		{retryable: true, readOnly: true, sent: true, readOnce: true},
	}
	for _, test := range tests {
		class := core.Class{Retryable: test.retryable, ReadOnlyRetry: test.readOnly, Sent: test.sent}
		for safety, want := range map[core.Safety]bool{
			core.Unsafe: test.unsafe, core.Idempotent: test.idempotent, core.ReadOnly: test.readOnce,
		} {
			// The verdict is the breaker's concern.
			for _, verdict := range []core.Verdict{core.Success, core.Failure, core.Neutral} {
				class.Verdict = verdict
				if got := class.RetryableAs(safety); got != want {
					t.Errorf("%#v.RetryableAs(%v) = %t, want %t", class, safety, got, want)
				}
			}
		}
	}
}

func TestTheZeroValuesAreTheCautiousOnes(t *testing.T) {
	if (core.Op{}).Safety != core.Unsafe {
		t.Error("an Op without a Safety is not Unsafe")
	}
	if (core.Class{}) != (core.Class{Verdict: core.Success, Conn: core.Keep}) {
		t.Error("the zero Class is not a success that keeps the connection")
	}
	if !(core.Keep < core.Unclean && core.Unclean < core.Suspect && core.Suspect < core.Broken) {
		t.Error("the fates do not go from mildest to hardest")
	}
}

func TestTheDefaultClassifier(t *testing.T) {
	failure := core.Class{Verdict: core.Failure, Retryable: true, Sent: true, Conn: core.Suspect}
	ended := failure
	ended.Conn = core.Unclean
	for err, want := range map[error]core.Class{
		errors.New("unknown"):    failure,
		context.Canceled:         ended,
		context.DeadlineExceeded: ended,
		fmt.Errorf("reading: %w", context.DeadlineExceeded): ended,
	} {
		if got := core.Classify(err); got != want {
			t.Errorf("Classify(%v) = %#v, want %#v", err, got, want)
		}
	}
}

func TestTheClassifierIsNotAskedForWhatExplainsItself(t *testing.T) {
	for _, err := range []error{nil, errRefused, core.ErrPanic, exhausted{}, fmt.Errorf("pool: %w", exhausted{})} {
		tr := newTrial(t, trialConfig{})
		client := newClient(t, core.ClientConfig[string]{Source: &tr.source, Classifier: func(err error) core.Class {
			t.Errorf("the classifier was asked for %v", err)
			return core.Class{}
		}})
		_, _ = core.Do(t.Context(), client, search, func(context.Context, string) (string, error) { return "", err })
	}
}

func TestAnErrorThatIsRejectedIsNeutralWhateverElseItSays(t *testing.T) {
	tr := newTrial(t, trialConfig{acquire: acquire(errors.Join(exhausted{}, errRefused, errUnavailable))})
	_, _ = core.Do(t.Context(), tr.client, search, fail())
	if tr.outcome.Verdict != core.Neutral || tr.outcome.Retryable {
		t.Errorf("Outcome = %#v, want neutral and final", tr.outcome)
	}
}

func TestTheNamesOfThings(t *testing.T) {
	for got, want := range map[fmt.Stringer]string{
		core.Success: "success", core.Failure: "failure", core.Neutral: "neutral",
		core.Unsafe: "unsafe", core.Idempotent: "idempotent", core.ReadOnly: "read_only",
		core.ScopeAttempt: "attempt", core.ScopeOperation: "operation",
		core.KindOperation: "operation", core.KindAttempt: "attempt", core.KindAcquire: "acquire",
		core.KindConnect: "connect", core.KindProbe: "probe",
		core.EventRetry: "retry", core.EventRetryEnd: "retry_end", core.EventReject: "reject",
		core.EventMove: "move", core.EventTimeout: "timeout", core.EventHealth: "health",
	} {
		if got.String() != want {
			t.Errorf("%#v.String() = %s, want %s", got, got, want)
		}
	}
}
