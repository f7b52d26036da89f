// SPDX-License-Identifier: Apache-2.0

package coretest_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/core"
	"github.com/penstock-go/penstock/core/coretest"
)

var operation = core.Scope{Kind: core.ScopeOperation, Op: core.Op{Name: "Search"}, Attempt: 1}

func TestTheRecorderWritesDownWhatItIsTold(t *testing.T) {
	r := new(coretest.Recorder)
	ctx := r.Begin(t.Context(), operation)
	r.Event(ctx, core.Event{Kind: core.EventRetry, Attempt: 1, Err: core.ErrTimeout})
	attempt := core.Scope{Kind: core.ScopeAttempt, Op: operation.Op, Attempt: 2}
	r.End(r.Begin(ctx, attempt), attempt, core.ErrTimeout)
	probe := core.Scope{Kind: core.ScopeProbe}
	r.End(r.Begin(t.Context(), probe), probe, nil)
	r.Event(t.Context(), core.Event{Kind: core.EventTransition, From: "closed", To: "open"})
	r.Event(ctx, core.Event{Kind: core.EventRetryEnd, Outcome: "exhausted"})
	r.End(ctx, operation, core.ErrPanic)
	want := []string{
		"begin operation Search",
		"retry #1 timeout",
		"begin attempt Search #2",
		"end attempt Search #2 timeout",
		"begin probe",
		"end probe",
		"transition closed>open",
		"retry_end exhausted",
		"end operation Search panic",
	}
	if got := r.Lines(); !slices.Equal(got, want) {
		t.Errorf("Lines = %q\nwant %q", got, want)
	}
	if got := r.Events(core.EventTransition); len(got) != 1 || got[0].To != "open" {
		t.Errorf("Events(transition) = %+v, want one", got)
	}
	if err := r.Check(); err != nil {
		t.Errorf("Check = %v, want nil", err)
	}
}

func TestTheRecorderRefersToOperations(t *testing.T) {
	r := new(coretest.Recorder)
	first, second := r.Begin(t.Context(), operation), r.Begin(t.Context(), operation)
	inner := r.Begin(first, core.Scope{Kind: core.ScopeAttempt, Attempt: 2})
	for ctx, want := range map[context.Context]any{t.Context(): nil, first: 1, second: 2, inner: 1} {
		if got := r.Ref(ctx, core.Scope{}); got != want {
			t.Errorf("Ref = %v, want %v", got, want)
		}
	}
}

func TestTheRecorderFindsScopesThatDoNotPair(t *testing.T) {
	attempt := core.Scope{Kind: core.ScopeAttempt, Op: operation.Op, Attempt: 2}
	tests := []struct {
		name string
		do   func(r *coretest.Recorder, ctx context.Context)
		want string // "" for none
	}{
		{"paired", func(r *coretest.Recorder, ctx context.Context) {
			r.End(r.Begin(ctx, operation), operation, nil)
			r.End(r.Begin(ctx, operation), operation, nil)
		}, ""},
		{"not ended", func(r *coretest.Recorder, ctx context.Context) {
			r.Begin(ctx, operation)
			r.End(r.Begin(ctx, operation), operation, nil)
		}, "1 of operation Search not ended"},
		{"not begun", func(r *coretest.Recorder, ctx context.Context) {
			r.End(ctx, operation, nil)
		}, "end without begin: operation Search"},
		{"ended twice", func(r *coretest.Recorder, ctx context.Context) {
			ctx = r.Begin(ctx, operation)
			r.End(ctx, operation, nil)
			r.End(ctx, operation, nil)
		}, "end without begin: operation Search"},
		{"ended as another attempt", func(r *coretest.Recorder, ctx context.Context) {
			r.End(r.Begin(ctx, attempt), core.Scope{Kind: core.ScopeAttempt, Op: operation.Op, Attempt: 3}, nil)
		}, "1 of attempt Search not ended; end without begin: attempt Search #3"},
		{"ended in the context from before", func(r *coretest.Recorder, ctx context.Context) {
			r.Begin(ctx, operation)
			r.End(ctx, operation, nil)
		}, "end in another context than Begin returned: operation Search"},
		{"ended in the context of the scope around it", func(r *coretest.Recorder, ctx context.Context) {
			outer := r.Begin(ctx, operation)
			r.Begin(outer, attempt)
			r.End(outer, attempt, nil)
			r.End(outer, operation, nil)
		}, "end in another context than Begin returned: attempt Search #2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := new(coretest.Recorder)
			test.do(r, t.Context())
			err := r.Check()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("Check = %v, want %q", err, test.want)
			}
		})
	}
}
